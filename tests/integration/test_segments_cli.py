"""Segments at the command line: applied from a file, filled by `work`, asked, listed and swept."""

import json
from pathlib import Path

from tests.integration import living, test_cli
from tests.integration.living import Shop, rule
from tests.integration.test_cli import Command

shop = living.shop
sadakat = test_cli.sadakat
AT = "2026-11-20T12:00:00+03:00"


def test_a_segment_is_applied_filled_asked_and_swept(shop: Shop, sadakat: Command, tmp_path: Path) -> None:
    for user in ("ayse", "isil"):
        shop.put(user, "Bought")
    bought = rule({"event": "Bought"})
    said = {"key": "buyers", "name": "Alıcılar", "description": "", "where": bought}
    file, condition = tmp_path / "buyers.json", tmp_path / "rule.json"
    file.write_text(json.dumps(said))
    condition.write_text(json.dumps(bought))
    made = json.loads(sadakat("segments", "apply", str(file), "--json").stdout)
    assert made == {"key": "buyers", "version": 1, "ready": False}
    done = json.loads(sadakat("work", "--until-idle", "--at", AT, "--json").stdout)
    assert done["segments.membership"] > 0
    assert done["segments.fill"] == 1
    (listed,) = json.loads(sadakat("segments", "list", "--json").stdout)
    assert listed == {
        "key": "buyers",
        "name": "Alıcılar",
        "kind": "rule",
        "group": "",
        "size": 2,
        "ready": True,
        "version": 1,
    }
    members = json.loads(sadakat("segments", "members", "buyers", "--json").stdout)
    assert [each["customer_id"] for each in members] == sorted(shop.customers().values())
    asked = json.loads(sadakat("segments", "preview", str(condition), "--json").stdout)
    assert (asked["count"], asked["everybody"]) == (2, 2)
    swept = json.loads(sadakat("segments", "sweep", "--json").stdout)
    assert (swept["segments"], swept["customers"], swept["corrections"]) == (1, 2, 0)
    file.write_text(json.dumps(said | {"where": rule({"event": "Never"})}))
    assert "buyers: version 2" in sadakat("segments", "apply", str(file)).stderr
    file.write_text(json.dumps({"name": "x"}))
    assert "a segment's file needs a key" in sadakat("segments", "apply", str(file), code=1).stderr
