"""The front door of `loyalty`."""

from sadakat.loyalty.consumer import CONSUMERS, LoyaltyConsumer
from sadakat.loyalty.exporting import HEADS as LIABILITY_HEADS
from sadakat.loyalty.exporting import export_liability, liability_json
from sadakat.loyalty.operations.by_hand import adjust_points, transfer_points, undo_by_hand
from sadakat.loyalty.operations.joining import submit
from sadakat.loyalty.operations.ledger import post, post_batch
from sadakat.loyalty.operations.members import enrol, enrol_batch, enrol_since, renew_link
from sadakat.loyalty.operations.portal import portal_link, purge_codes
from sadakat.loyalty.operations.programme import apply_programme
from sadakat.loyalty.operations.redemptions import (
    capture as capture_redemption,
)
from sadakat.loyalty.operations.redemptions import (
    redeem_points,
    redeem_reward,
    reverse_redemption,
)
from sadakat.loyalty.operations.redemptions import (
    release as release_redemption,
)
from sadakat.loyalty.operations.redemptions import (
    release_due as release_redemptions_due,
)
from sadakat.loyalty.operations.rewards import archive_reward, save_reward
from sadakat.loyalty.operations.sweeps import activate_due, expire_due, release_due
from sadakat.loyalty.operations.tiers import evaluate_tiers, pin_tier, tiers_due
from sadakat.loyalty.queries.earning import quote_order, quotes
from sadakat.loyalty.queries.ledger import audit, balance_as_of, balances, expiring, ledger, operation_named
from sadakat.loyalty.queries.liability import liability
from sadakat.loyalty.queries.members import (
    member,
    member_count,
    member_numbered,
    member_of,
    members_of,
    search_members,
)
from sadakat.loyalty.queries.programme import programme, programme_at, programme_version, versions
from sadakat.loyalty.queries.replay import replay
from sadakat.loyalty.queries.rewards import redemption, redemptions, reward, rewards
from sadakat.loyalty.queries.tiers import standings, tier_changes, tier_sizes
from sadakat.loyalty.rules.programme import DEFAULT as DEFAULT_PROGRAMME
from sadakat.loyalty.rules.programme import as_json as programme_json
from sadakat.loyalty.rules.programme import read as read_programme

__all__ = [
    "CONSUMERS",
    "DEFAULT_PROGRAMME",
    "LIABILITY_HEADS",
    "LoyaltyConsumer",
    "activate_due",
    "adjust_points",
    "apply_programme",
    "archive_reward",
    "audit",
    "balance_as_of",
    "balances",
    "capture_redemption",
    "enrol",
    "enrol_batch",
    "enrol_since",
    "evaluate_tiers",
    "expire_due",
    "expiring",
    "export_liability",
    "ledger",
    "liability",
    "liability_json",
    "member",
    "member_count",
    "member_numbered",
    "member_of",
    "members_of",
    "operation_named",
    "pin_tier",
    "portal_link",
    "post",
    "post_batch",
    "programme",
    "programme_at",
    "programme_json",
    "programme_version",
    "purge_codes",
    "quote_order",
    "quotes",
    "read_programme",
    "redeem_points",
    "redeem_reward",
    "redemption",
    "redemptions",
    "release_due",
    "release_redemption",
    "release_redemptions_due",
    "renew_link",
    "replay",
    "reverse_redemption",
    "reward",
    "rewards",
    "save_reward",
    "search_members",
    "standings",
    "submit",
    "tier_changes",
    "tier_sizes",
    "tiers_due",
    "transfer_points",
    "undo_by_hand",
    "versions",
]
