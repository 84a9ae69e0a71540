"""Asks the rules of `predicates_demo` in the home that the environment names; prints where an answer is another one.

It prints a JSON object: rule → how many fit by hand, in the lake and in the database, where these are not the same
customers; and under `members` the sizes by hand.
"""

import json
import sys
from datetime import datetime

from tests.stories import predicates_demo


def main(at: datetime) -> dict[str, object]:
    """Compares as of `at`, which is to be the end of what the home holds."""
    from django.db import connection, transaction

    from sadakat.kernel import predicates
    from sadakat.platform import audit, brand, engine, worker
    from sadakat.segments import api as segments
    from sadakat.segments import relations

    zone = brand.current().zone
    cases = predicates_demo.cases(at.astimezone(zone).date())
    for case in cases:
        if case.key in {"often", "izmir"}:
            where = {"version": 1, "where": case.where}
            segments.create_segment(name=case.key, key=case.key, where=where, actor=audit.CLI, at=at)
    worker.work_until_idle(at=at)
    different: dict[str, list[int]] = {}
    sizes: dict[str, int] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(predicates_demo.VIEWS)
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE segments_asked ON COMMIT DROP AS
            SELECT customer_id, timestamptz '{at.isoformat()}' AS at FROM customers_profile WHERE profile_id = customer_id
            """
        )
        cursor.execute("ANALYZE segments_asked")
        for case in cases:
            cursor.execute(case.sql, {"at": at, "zone": zone.key})
            by_hand = {row[0] for row in cursor.fetchall()}
            document = {"version": 1, "where": case.where}
            found = engine.collect(segments.asked(document, at=at))
            in_lake = {row["customer_id"] for row in found if row["fits"]}
            predicate = predicates.parse(document, vocabulary=segments.vocabulary())
            cursor.execute(relations.verdict_sql(predicate, time_zone=zone, local_days={at.astimezone(zone).date()}))
            in_database = {row[0] for row in cursor.fetchall() if row[1]}
            sizes[case.key] = len(by_hand)
            if not by_hand == in_lake == in_database:
                different[case.key] = [len(by_hand), len(in_lake), len(in_database)]
    for key in ("often", "izmir"):
        segments.archive_segment(key, actor=audit.CLI, at=at)
    return {"different": different, "members": sizes}


if __name__ == "__main__":
    from sadakat.config import boot

    boot.start()
    try:
        sys.stdout.write(json.dumps(main(datetime.fromisoformat(sys.argv[1]))))
    finally:
        boot.stop()
