"""Folds the events of one order into what the order is: a pure function of the set of its events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce
from typing import NamedTuple

import msgspec

from sadakat.commerce.rules.reading import Content, OrderEvent, Product, channel_of, text_of
from sadakat.commerce.rules.sharing import given_back
from sadakat.commerce.types import EntryKind, Order, OrderEntry, OrderStatus
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid
from sadakat.kernel.sharing import shared

ZERO = Decimal(0)
ONE = Decimal(1)
# How the reasons begin of what waits for a rate.
NO_RATE = "there is no rate for"
_SAID = tuple(name for name in Content.__struct_fields__ if name != "order_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the brand counts as revenue, and in which money."""

    currency: str
    revenue: str = "net"
    """`net`, `with_tax` or `with_tax_and_shipping`."""
    rates: Mapping[str, Sequence[tuple[date, Decimal]]]
    """By currency: (from date, units of the brand's currency for one), latest first."""

    def rate_of(self, currency: str, *, day: date) -> Decimal | None:
        """The latest rate that holds on `day`; None when none is recorded."""
        if currency == self.currency:
            return ONE
        return next((rate for since, rate in self.rates.get(currency, ()) if since <= day), None)

    def converted(self, amount_minor: int, *, currency: str, day: date) -> tuple[int, Decimal]:
        """The amount in minor units of the brand's currency, and the rate that holds on `day`.

        Raises:
            Invalid: no rate is recorded; the text says how to record one.
        """
        rate = self.rate_of(currency, day=day)
        if rate is None:
            raise Invalid(no_rate(currency, day=day))
        return money.convert(amount_minor, source=currency, target=self.currency, rate=rate), rate


class Recorded(NamedTuple):
    """The rate that an order was counted at; it holds for as long as the order keeps currency and date."""

    currency: str
    day: date
    rate: Decimal


class Line(NamedTuple):
    """A line with its amount in minor units of the brand's currency."""

    number: int
    product_id: str
    name: str
    category: str
    brand: str
    quantity: Decimal
    amount_minor: int
    paid_minor: int
    """Its part of the order's revenue."""
    refunded_minor: int
    """Of that part."""


class Problem(NamedTuple):
    """An event that a person should look at, and why."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class OrderState:
    """What the events of an order say together. Without a countable Order Completed there is no order."""

    order: Order | None = None
    lines: tuple[Line, ...] = ()
    entries: tuple[OrderEntry, ...] = ()
    problems: tuple[Problem, ...] = ()


def fold(events: Iterable[OrderEvent], *, namespace: str, basis: Basis, recorded: Recorded | None = None) -> OrderState:
    """The state after all `events` of one order, whatever their sequence.

    The earliest Order Completed by (time, message) makes the order; equal repeats of it are dropped, others
    are problems. What carries an earlier time than the order takes effect at the order's time.
    """
    ordered = sorted(events, key=lambda event: (event.at, event.mid))
    start = next((i for i, event in enumerate(ordered) if event.kind is EntryKind.COMPLETED), None)
    if start is None:
        return OrderState()
    base = ordered[start]
    currency = _currency(base.content, default=basis.currency)
    if recorded and (recorded.currency, recorded.day) == (currency, base.local_date):
        rate: Decimal | None = recorded.rate
    else:
        rate = basis.rate_of(currency, day=base.local_date)
    if rate is None:
        return OrderState(problems=(Problem(base.position, no_rate(currency, day=base.local_date)),))
    tally = _Tally(base=base, currency=currency, rate=rate, basis=basis)
    early = [event for event in ordered[:start] if not tally.refuses(event)]
    later = [event for event in ordered[start + 1 :] if not tally.refuses(event)]
    # What an earlier update said is replaced wherever the order itself says something.
    updates = [event.content for event in early if event.kind is EntryKind.UPDATED]
    tally.content = reduce(_merged, [*updates, base.content])
    for event in [base, *(e for e in early if e.kind is not EntryKind.UPDATED), *later]:
        tally.count(event)
    return tally.state(namespace=namespace)


class _Tally:
    """An order while its events are counted.

    Sums run in the order's own currency and are converted whole, so that rounding never adds up.
    """

    def __init__(self, *, base: OrderEvent, currency: str, rate: Decimal, basis: Basis) -> None:
        self.base = base
        self.currency = currency
        self.rate = rate
        self.basis = basis
        self.scale = ONE.scaleb(money.minor_digits(currency))
        self.content = base.content
        self.revenue = 0
        self.refunded = 0
        self.refunds: list[tuple[int, tuple[Product, ...]]] = []
        self.is_cancelled = False
        self.net_minor = 0
        self.entries: list[OrderEntry] = []
        self.problems: list[Problem] = []

    def refuses(self, event: OrderEvent) -> bool:
        """Whether the event cannot count beside the Order Completed that does; lists what contradicts it."""
        if event.kind is EntryKind.COMPLETED:
            if differences := _differences(event.content, self.base.content):
                self._list(
                    event,
                    f"order {event.order_id} was completed twice with different content ({', '.join(differences)}); "
                    f"the earlier of {self.base.at:%Y-%m-%d %H:%M:%S} UTC counts; Order Updated changes an order",
                )
            return True
        currency = _currency(event.content, default=self.currency)
        if currency != self.currency and event.kind is not EntryKind.CANCELLED:  # which brings no amounts
            self._list(
                event,
                f"order {event.order_id} is in {self.currency} and this event in {currency}; "
                f"send its amounts in {self.currency}",
            )
            return True
        return False

    def count(self, event: OrderEvent) -> None:
        """Lets one event take effect and writes its entry."""
        if event.kind is EntryKind.REFUNDED:
            try:
                self._refund(event)
            except Invalid as refusal:
                self._list(event, str(refusal))
                return
        elif event.kind is EntryKind.CANCELLED:
            self.is_cancelled = True
        else:
            if event is not self.base:
                self.content = _merged(self.content, event.content)
            self.revenue = self._minor(_revenue(self.content, basis=self.basis.revenue))
        net_minor = 0 if self.is_cancelled else self._in_brand(max(0, self.revenue - self.refunded))
        when = event if event.at >= self.base.at else self.base
        self.entries.append(
            OrderEntry(
                number=len(self.entries) + 1,
                kind=event.kind,
                at=when.at,
                local_date=when.local_date,
                amount_minor=net_minor - self.net_minor,
            )
        )
        self.net_minor = net_minor

    def state(self, *, namespace: str) -> OrderState:
        """The finished state."""
        base, content = self.base, self.content
        lines = self._lines()
        order = Order(
            namespace=namespace,
            order_id=base.order_id,
            profile_id=base.profile_id,
            source_id=base.source_id,
            at=base.at,
            local_date=base.local_date,
            status=self._status(),
            channel=channel_of(content),
            store_id=text_of(content.store_id),
            is_guest=not base.has_account if content.guest is None else content.guest,
            coupon=text_of(content.coupon),
            currency=self.currency,
            currency_rate=self.rate,
            revenue_minor=self._in_brand(self.revenue),
            refunded_minor=self._in_brand(self.refunded),
            net_minor=self.net_minor,
            goods_minor=self._in_brand(self._minor(_revenue(content, basis="net"))),
            taxed_minor=self._in_brand(self._minor(_revenue(content, basis="with_tax"))),
            total_minor=self._in_brand(self._minor(_revenue(content, basis="with_tax_and_shipping"))),
            line_count=len(lines),
        )
        return OrderState(order, lines, tuple(self.entries), tuple(self.problems))

    def _lines(self) -> tuple[Line, ...]:
        """The lines of the latest content, each with its part of the revenue and of the refunds."""
        products = self.content.products or ()
        amounts = [self._in_brand(self._minor(product.amount or ZERO)) for product in products]
        revenue = self._in_brand(self.revenue)
        left = paid = amounts if sum(amounts) == revenue else shared(revenue, amounts)
        counted = 0
        for amount, named in self.refunds:
            # Of the running sum, as the order itself is converted.
            part = self._in_brand(counted + amount) - self._in_brand(counted)
            counted += amount
            taken = given_back(part, self._weights(named), left)
            left = [rest - gone for rest, gone in zip(left, taken, strict=True)]
        return tuple(
            Line(
                number,
                product.key,
                product.name or "",
                product.category or "",
                product.brand or "",
                ONE if product.quantity is None else product.quantity,
                amount,
                part,
                part - rest,
            )
            for number, (product, amount, part, rest) in enumerate(zip(products, amounts, paid, left, strict=True), 1)
        )

    def _weights(self, named: Iterable[Product]) -> list[int]:
        """What a refund gives back for each line of the order by the products that it names."""
        lines = self.content.products or ()
        weights = [0] * len(lines)
        for product in named:
            places = [place for place, line in enumerate(lines) if line.key == product.key]
            if not places:
                continue
            value = self._minor(self._price_of(product)) if any(lines[place].quantity != 0 for place in places) else 0
            parts = shared(value, [self._minor(lines[place].amount or ZERO) for place in places])
            for place, part in zip(places, parts, strict=True):
                weights[place] += part
        return weights

    def _refund(self, event: OrderEvent) -> None:
        content, remaining = event.content, max(0, self.revenue - self.refunded)
        if content.revenue is not None or content.total is not None:
            amount = self._minor(_revenue(content, basis=self.basis.revenue))
        elif content.products is not None:
            amount = sum(self._minor(self._price_of(product)) for product in content.products)
        elif content.tax is not None or content.shipping is not None:
            amount = self._minor(_revenue(content, basis=self.basis.revenue))
        else:
            amount = remaining
        # The shop rounds each line, so that a sum may pass the order by a minor unit a line.
        if amount > remaining + max(1, len(content.products or ())):
            self._list(
                event,
                f"the refund of {self._shown(amount)} is more than the {self._shown(remaining)} left of "
                f"order {event.order_id}; it counts up to what is left",
            )
        amount = min(amount, remaining)
        self.refunded += amount
        self.refunds.append((amount, content.products or ()))

    def _price_of(self, product: Product) -> Decimal:
        """What is given back for one product of a refund: as it says, else at the order's own price."""
        if product.amount is not None:
            return product.amount
        lines = [line for line in self.content.products or () if line.key == product.key]
        ordered = sum((ONE if line.quantity is None else line.quantity for line in lines), ZERO)
        if not ordered:
            raise Invalid(
                f"the refund names product {product.key!r:.60} without a price, and "
                f"order {self.base.order_id} has no such line; send price and quantity, or a total"
            )
        paid = sum((line.amount or ZERO for line in lines), ZERO)
        return paid if product.quantity is None else paid * product.quantity / ordered

    def _status(self) -> OrderStatus:
        if self.is_cancelled:
            return OrderStatus.CANCELLED
        if not self.refunded:
            return OrderStatus.COMPLETED
        return OrderStatus.PARTLY_REFUNDED if self.refunded < self.revenue else OrderStatus.REFUNDED

    def _minor(self, amount: Decimal) -> int:
        # As `money.to_minor`, for numbers already checked: its checks cost five times the arithmetic.
        return int((amount * self.scale).to_integral_value(ROUND_HALF_UP))

    def _shown(self, amount_minor: int) -> str:
        return f"{money.to_major(amount_minor, currency=self.currency)} {self.currency}"

    def _in_brand(self, amount_minor: int) -> int:
        if self.currency == self.basis.currency:
            return amount_minor
        return money.convert(amount_minor, source=self.currency, target=self.basis.currency, rate=self.rate)

    def _list(self, event: OrderEvent, reason: str) -> None:
        self.problems.append(Problem(event.position, reason))


def _revenue(content: Content, *, basis: str) -> Decimal:
    """The amount that counts, in major units; never below 0."""
    tax, shipping = content.tax or ZERO, content.shipping or ZERO
    if basis == "with_tax_and_shipping" and content.total is not None:
        return content.total
    if content.revenue is not None:
        net = content.revenue
    elif content.total is not None:
        net = content.total - tax - shipping
    else:
        net = sum((product.amount or ZERO for product in content.products or ()), ZERO)
        net -= content.discount or ZERO
    net = max(net, ZERO)
    if basis == "with_tax":
        return net + tax
    return net + tax + shipping if basis == "with_tax_and_shipping" else net


def _merged(old: Content, new: Content) -> Content:
    """`old` with everything that `new` says in its place."""
    said = {name: value for name in _SAID if (value := getattr(new, name)) is not None}
    if new.revenue is not None or new.total is not None:
        # Two statements of one amount: the old one must not outlive a new total.
        said |= {"revenue": new.revenue, "total": new.total}
    return msgspec.structs.replace(old, **said)


def _currency(content: Content, *, default: str) -> str:
    return default if content.currency is None else content.currency.upper()


def no_rate(currency: str, *, day: date) -> str:
    """Why an amount cannot be counted yet, and what to do."""
    return f"{NO_RATE} {currency} on {day}; record one with `sadakat rates set {currency} RATE --from {day}` and retry"


def _differences(other: Content, counted: Content) -> list[str]:
    return [
        f"{name} {_shown(here)} instead of {_shown(there)}"
        for name in _SAID
        if (here := getattr(other, name)) != (there := getattr(counted, name))
    ]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"of {len(value)} lines"
    return "nothing" if value is None else str(value)[:40]
