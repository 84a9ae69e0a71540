"""The demo: a year of a real grocery retailer, with generated names and web visits."""

import enum


class Dates(enum.StrEnum):
    """Which dates the sample year carries: shifted so that it ends within the last 7 days, or as they were."""

    RECENT = "recent"
    RECORDED = "recorded"
