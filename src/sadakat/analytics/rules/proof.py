"""What a measured interval says of a claim, and what higher retention is worth."""

import math
from typing import Final

from sadakat.analytics.types import Interval, Verdict

HORIZON_YEARS: Final = 5
YEARLY_DISCOUNT: Final = 0.1
RAISED_BY: Final = 0.05


def verdict(observed: Interval | None, *, claimed: float, nothing: float) -> Verdict:
    """What is observed against what is claimed; `nothing` is the value without any effect, below the claim.

    >>> verdict(Interval(1.3, 1.25, 1.35), claimed=1.22, nothing=1.0)
    <Verdict.SUPPORTS: 'supports'>
    >>> verdict(Interval(1.1, 1.05, 1.15), claimed=1.22, nothing=1.0)
    <Verdict.WEAKER: 'weaker'>
    >>> verdict(Interval(1.1, 0.9, 1.3), claimed=1.22, nothing=1.0)
    <Verdict.UNCLEAR: 'unclear'>
    >>> verdict(Interval(0.8, 0.7, 0.9), claimed=1.22, nothing=1.0)
    <Verdict.CONTRADICTS: 'contradicts'>
    """
    if observed is None:
        return Verdict.SILENT
    if observed.low >= claimed:
        return Verdict.SUPPORTS
    if observed.high < nothing:
        return Verdict.CONTRADICTS
    if observed.low > nothing and observed.high < claimed:
        return Verdict.WEAKER
    return Verdict.UNCLEAR


def worth_of_retention(rate: float, *, periods_a_year: int) -> float:
    """How many times the discounted income from a customer is, once `RAISED_BY` is added to the retention rate.

    Income of equal periods over `HORIZON_YEARS`, each kept with the rate's probability (the simple retention model of
    Gupta & Lehmann, Journal of Interactive Marketing 17, 2003); a rate cannot pass 1.

    >>> round(worth_of_retention(0.6, periods_a_year=1), 3)
    1.083
    """
    discount: float = (1 + YEARLY_DISCOUNT) ** (1 / periods_a_year)

    def income(kept: float) -> float:
        return math.fsum((kept / discount) ** n for n in range(HORIZON_YEARS * periods_a_year))

    return income(min(1.0, rate + RAISED_BY)) / income(rate)
