"""The front door of `loyalty`."""

from sadakat.loyalty.consumer import CONSUMERS
from sadakat.loyalty.exporting import HEADS as LIABILITY_HEADS
from sadakat.loyalty.exporting import export_liability, figures_json
from sadakat.loyalty.operations.by_hand import adjust_points, transfer_points
from sadakat.loyalty.operations.households import join_household, leave_household
from sadakat.loyalty.operations.joining import submit
from sadakat.loyalty.operations.ledger import post
from sadakat.loyalty.operations.members import enrol, enrol_since, renew_link
from sadakat.loyalty.operations.portal import purge_codes
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
from sadakat.loyalty.operations.rewards import save_reward
from sadakat.loyalty.operations.sweeps import activate_due, expire_due, release_due
from sadakat.loyalty.operations.tiers import evaluate_tiers, tiers_due
from sadakat.loyalty.queries.earning import quote_order
from sadakat.loyalty.queries.households import households
from sadakat.loyalty.queries.ledger import audit, balance_as_of, balances, expiring, ledger
from sadakat.loyalty.queries.liability import liability
from sadakat.loyalty.queries.members import (
    member,
    member_count,
    member_numbered,
    member_of,
    members_of,
    search_members,
)
from sadakat.loyalty.queries.programme import programme, versions
from sadakat.loyalty.queries.replay import replay
from sadakat.loyalty.queries.rewards import redemption, redemptions, reward, rewards
from sadakat.loyalty.rules.programme import DEFAULT as DEFAULT_PROGRAMME
from sadakat.loyalty.rules.programme import as_json as programme_json
from sadakat.loyalty.rules.programme import read as read_programme

__all__ = [
    "CONSUMERS",
    "DEFAULT_PROGRAMME",
    "LIABILITY_HEADS",
    "activate_due",
    "adjust_points",
    "apply_programme",
    "audit",
    "balance_as_of",
    "balances",
    "capture_redemption",
    "enrol",
    "enrol_since",
    "evaluate_tiers",
    "expire_due",
    "expiring",
    "export_liability",
    "figures_json",
    "households",
    "join_household",
    "leave_household",
    "ledger",
    "liability",
    "member",
    "member_count",
    "member_numbered",
    "member_of",
    "members_of",
    "post",
    "programme",
    "programme_json",
    "purge_codes",
    "quote_order",
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
    "submit",
    "tiers_due",
    "transfer_points",
    "versions",
]
