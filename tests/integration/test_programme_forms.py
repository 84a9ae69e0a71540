"""The programme's forms: saved as they were opened they change nothing, and an old one undoes nothing."""

import json
import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sadakat.kernel.errors import Conflict
from tests.integration import living
from tests.integration.living import DENIZ, Shop

shop = living.shop

NAME = {"en": "Club", "tr": "Kulüp", "de": "Klub"}
RICH = {
    "name": NAME,
    "active_from": "on_event",
    "active_on_event": "Parcel, or part of it, Delivered",
    "active_on": "2027-01-31",
    "expiry": {"span": "end_of_month", "count": 18},
    "rules": [
        {
            "key": "third",
            "name": NAME,
            "event": "order",
            "points_per_unit": 0.333333,
            "unit_minor": 1_050,
            "points": 2_000_000,
            "products": ["A-1", "Shirt, blue", '"Sale"', '5" frame'],
            "categories": ["Ev, bahçe > Işık"],
            "brands": [f"Marka {number}" for number in range(100)],
            "channels": ["web"],
            "stores": ["Kadıköy, Moda"],
            "least_minor": 12_345,
            "nth_orders": [10, 1],
            "weekdays": [6, 1],
            "starts_on": "2026-01-31",
            "ends_on": "2027-12-31",
            "where": {"segment": "vip"},
            "caps": [{"per": "order", "points": 5_000_000}, {"per": "year", "times": 3, "points": 9}],
        },
        {"key": "none-a-unit", "name": {"tr": "Öyle"}, "event": "order", "points_per_unit": 0, "points": 7},
        {
            "key": "review",
            "name": {"en": "x" * 300},
            "event": "Product Reviewed",
            "points": 20,
            "having": {"property": "rating", "at_least": 4},
            "where": {"not": {"segment": "new"}},
        },
    ],
    "multipliers": [
        {"key": "fine", "name": NAME, "factor": 1.125, "tiers": ["top", "base"], "where": {"segment": "new"}},
        {"key": "least", "name": {"tr": "Az"}, "factor": 0.000001, "stores": ["Bursa"]},
    ],
    "ladder": {
        "metric": "spend",
        "window": "trailing_months",
        "window_months": 7,
        "validity": "months",
        "validity_months": 5,
        "grace_days": 366,
        "downgrade": "full",
        "tiers": [
            {"key": "base", "name": {"de": "Unten"}, "threshold": 0, "multiplier": 1.125},
            {
                "key": "top",
                "name": NAME,
                "threshold": 100_000.125,
                "benefits": {"en": ["a" * 300, "b" * 300], "de": ["Versand frei"]},
            },
        ],
    },
    "burning": {"points_step": 3, "step_minor": 125, "most_share": 0.333333, "hold_minutes": 10_080},
}
FORMS = (
    "basics",
    "rules/third",
    "rules/none-a-unit",
    "rules/review",
    "multipliers/fine",
    "multipliers/least",
    "tiers",
)


class Sent(HTMLParser):
    """What a browser sends of the form of a page whose fields nobody has touched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, Any] = {}
        self._id = self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name = said.get("name", "")
        if tag == "form":
            self._id = said.get("id", "")
        if self._id != "part":
            return
        match tag:
            case "input" if said["type"] in {"checkbox", "radio"}:
                if "checked" in said:
                    self.fields.setdefault(name, []).append(said.get("value", "on"))
            case "input":
                self.fields[name] = said.get("value", "")
            case "select":
                self._select = name
            case "option" if self._select not in self.fields or "selected" in said:
                self.fields[self._select] = said["value"]
            case "textarea":
                self._area, self.fields[name] = name, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._id = ""
        self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data


@pytest.fixture
def deniz(shop: Shop) -> Client:
    """Deniz in the console of a shop with a rich programme."""
    from sadakat.loyalty import api as loyalty
    from sadakat.platform import audit, operations

    shop.segment("vip", None)
    shop.segment("new", None)
    loyalty.apply_programme(RICH, actor=DENIZ, at=shop.now)
    user = operations.create_user(
        email="deniz@modanord.example", name="Deniz Aydın", role="owner", actor=audit.CLI, at=shop.now
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    return client


def opened(client: Client, form: str) -> dict[str, Any]:
    return Sent(client.get(f"/loyalty/programme/{form}/").content.decode()).fields


def previewed(client: Client, form: str, fields: dict[str, Any]) -> str:
    """The page that answers a form."""
    return client.post(f"/loyalty/programme/{form}/", fields).content.decode()


def test_forms_that_nobody_touched_change_nothing(deniz: Client) -> None:
    for form in FORMS:
        page = previewed(deniz, form, opened(deniz, form))
        errors = re.findall(r'<ul class="errorlist.*?</ul>', page)
        assert "Nothing changes." in page, (form, errors or re.findall(r"<code>.*?</code>", page))


def test_a_form_changes_what_was_touched(deniz: Client) -> None:
    page = previewed(deniz, "rules/third", opened(deniz, "rules/third") | {"stores": 'Bursa, "Kadıköy, Moda"'})
    assert re.findall(r"<code>(.*?)</code>", page) == ["+ &quot;Bursa&quot;,"]
    page = previewed(deniz, "rules/third", opened(deniz, "rules/third") | {"stores": 'Bursa,\n"Kadıköy, Moda'})
    assert re.findall(r"<code>(.*?)</code>", page) == ["+ &quot;Bursa&quot;,"]
    page = previewed(deniz, "rules/review", opened(deniz, "rules/review") | {"points": "20.5"})
    assert "Enter a whole number." in page


def test_the_page_reads_the_names_of_segments_once(deniz: Client, now: datetime) -> None:
    from sadakat.loyalty import api as loyalty

    loyalty.apply_programme({**RICH, "award_back_days": 7}, actor=DENIZ, at=now)
    with CaptureQueriesContext(connection) as asked:
        page = deniz.get("/loyalty/programme/").content.decode()
    assert page.count("only for customers of the segment “") == 2
    assert sum('FROM "segments_segment"' in one["sql"] for one in asked) == 1


def test_a_segment_archived_since_does_not_become_everybody(deniz: Client, now: datetime) -> None:
    from sadakat.segments import api as segments

    segments.archive_segment("vip", actor=DENIZ, at=now)
    fields = opened(deniz, "rules/third")
    assert fields["segment"] == "vip"
    assert "there is no segment" in previewed(deniz, "rules/third", fields)


def test_an_old_form_undoes_nothing(deniz: Client, now: datetime) -> None:
    from sadakat.loyalty import api as loyalty

    mine = opened(deniz, "basics") | {"award_back_days": "7"}
    loyalty.apply_programme({**RICH, "award_back_days": 90}, actor=DENIZ, at=now, expected_version=1)
    held = loyalty.programme()
    for _ in range(2):  # Sent again from the page that said so, it is as old as before.
        page = previewed(deniz, "basics", mine)
        assert "the programme has changed meanwhile: it is version 2, not 1" in page
        mine = Sent(page).fields
    with pytest.raises(Conflict, match="it is version 2, not 1"):
        loyalty.apply_programme(RICH, actor=DENIZ, at=now, expected_version=1)
    again = {"document": json.dumps({**RICH, "award_back_days": 7}), "version": "1"}
    page = deniz.post("/loyalty/programme/apply/", again).content.decode()
    assert "Look again at what changes." in page
    assert loyalty.programme() == held
    deniz.post("/loyalty/programme/apply/", again | {"version": "2"})
    assert loyalty.programme().award_back_days == 7
