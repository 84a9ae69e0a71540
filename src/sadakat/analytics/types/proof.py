"""Claims about loyalty, held against the brand's own data."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


class ClaimKey(enum.StrEnum):
    """The usual claims, in the order in which they are told."""

    ENGAGED_SPEND = "engaged_spend"
    ENGAGED_OFTEN = "engaged_often"
    ENGAGED_RECOMMEND = "engaged_recommend"
    ENGAGED_STAY = "engaged_stay"
    RETURNING_SPEND = "returning_spend"
    MEMBER_BASKET = "member_basket"
    RETENTION_PROFIT = "retention_profit"
    COMPLAINTS_IGNORED = "complaints_ignored"
    BAD_EXPERIENCE = "bad_experience"
    COMPLAINTS_SOLVED = "complaints_solved"
    SELL_EXISTING = "sell_existing"
    PRODUCT_QUALITY = "product_quality"
    EMAIL_EFFECTIVE = "email_effective"


class ClaimUnit(enum.StrEnum):
    """How a measured value is written."""

    RATIO = "ratio"
    """Times: 1.22 is 22 % more."""
    SHARE = "share"
    YEARS = "years"


class Verdict(enum.StrEnum):
    """What the data say of a claim."""

    SUPPORTS = "supports"
    """The whole interval is at or beyond what is claimed."""
    WEAKER = "weaker"
    """The direction holds, the size claimed lies beyond the interval."""
    UNCLEAR = "unclear"
    """The interval holds both the claim and its absence, or the claim lies within it."""
    CONTRADICTS = "contradicts"
    """The whole interval lies on the other side."""
    SILENT = "silent"
    """The data cannot speak to it; `missing` says what they lack."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim and what is observed. Never a cause: the groups differ in more than what is compared."""

    key: ClaimKey
    claimed: float
    unit: ClaimUnit
    verdict: Verdict
    observed: Interval | None
    """None where the data are silent."""
    groups: Mapping[str, int]
    """How many customers each side of the comparison has, by the key of the side."""
    missing: str
    """Key of what the data lack: `few`, `feedback`, `cases`, `programme`, `messages`, `history`; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All claims as of the start of a local day."""

    as_of: date
    claims: tuple[Claim, ...]
