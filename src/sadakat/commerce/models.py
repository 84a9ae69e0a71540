"""Projections of order events: rebuilt from the log, written by the commerce consumer alone."""

from django.db import models


class OrderEvent(models.Model):
    """Which log rows speak of an order. Grain: one event of one order."""

    pk = models.CompositePrimaryKey("namespace", "order_id", "position")
    namespace = models.TextField(db_collation="C")
    order_id = models.TextField(db_collation="C")
    position = models.BigIntegerField()


class Order(models.Model):
    """An order as all its events leave it. Amounts are minor units of the brand's currency."""

    pk = models.CompositePrimaryKey("namespace", "order_id")
    namespace = models.TextField(db_collation="C")
    order_id = models.TextField(db_collation="C")
    profile_id = models.BigIntegerField(db_index=True)
    source_id = models.IntegerField()
    at = models.DateTimeField()
    local_date = models.DateField(db_index=True)
    status = models.TextField()
    channel = models.TextField()
    store_id = models.TextField(default="")
    is_guest = models.BooleanField()
    coupon = models.TextField(default="")
    currency = models.TextField()  # as the shop sent it
    currency_rate = models.DecimalField(max_digits=24, decimal_places=12)  # recorded when first counted
    revenue_minor = models.BigIntegerField()  # before refunds and cancellation
    refunded_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()  # what counts: 0 when cancelled
    goods_minor = models.BigIntegerField()  # as revenue, whatever the brand counts: without tax and shipping
    taxed_minor = models.BigIntegerField()  # with tax
    total_minor = models.BigIntegerField()  # with tax and shipping
    line_count = models.IntegerField()
    position = models.BigIntegerField()  # latest event folded in

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(net_minor__gte=0), name="commerce_order_net_not_negative"),
            models.CheckConstraint(
                condition=models.Q(refunded_minor__gte=0), name="commerce_order_refund_not_negative"
            ),
        ]


class OrderEntry(models.Model):
    """What each event of an order changed in its net revenue: the sum up to a moment is the net as of then.

    Exported to the lake, where every figure is computed from it.
    """

    pk = models.CompositePrimaryKey("namespace", "order_id", "number")
    namespace = models.TextField(db_collation="C")
    order_id = models.TextField(db_collation="C")
    number = models.IntegerField()
    kind = models.TextField()  # completed, updated, refunded, cancelled
    profile_id = models.BigIntegerField()
    at = models.DateTimeField()
    local_date = models.DateField()  # of this entry
    order_at = models.DateTimeField()
    order_date = models.DateField()  # of the order; the lake's partition is its month
    channel = models.TextField()
    store_id = models.TextField(default="")
    is_guest = models.BooleanField()
    amount_minor = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["order_date"], name="commerce_entry_order_date")]


class Line(models.Model):
    """A line of an order as its latest content has it."""

    pk = models.CompositePrimaryKey("namespace", "order_id", "number")
    namespace = models.TextField(db_collation="C")
    order_id = models.TextField(db_collation="C")
    number = models.IntegerField()
    product_id = models.TextField(db_collation="C")
    name = models.TextField(default="")
    category = models.TextField(default="")
    brand = models.TextField(default="")
    quantity = models.DecimalField(max_digits=18, decimal_places=4)
    amount_minor = models.BigIntegerField()  # of the whole line
    paid_minor = models.BigIntegerField()  # its part of the order's revenue
    refunded_minor = models.BigIntegerField()  # of that part

    class Meta:
        indexes = [models.Index(fields=["product_id"], name="commerce_line_product")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(refunded_minor__gte=0, refunded_minor__lte=models.F("paid_minor")),
                name="commerce_line_refund_at_most",
            )
        ]


class Product(models.Model):
    """A product of the catalogue, by the latest event time."""

    product_id = models.TextField(primary_key=True, db_collation="C")
    name = models.TextField(default="")
    brand = models.TextField(default="")
    category_id = models.TextField(default="")
    price_minor = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    mid = models.UUIDField()  # of the event; breaks ties of `at`


class Category(models.Model):
    """A node of the category tree; no category is its own ancestor."""

    category_id = models.TextField(primary_key=True, db_collation="C")
    name = models.TextField()
    parent_id = models.TextField(default="")
    at = models.DateTimeField()
    mid = models.UUIDField()  # of the event; breaks ties of `at`


class CurrencyRate(models.Model):
    """One unit of `currency` is `rate` units of the brand's currency from `from_date` on."""

    pk = models.CompositePrimaryKey("currency", "from_date")
    currency = models.TextField()
    from_date = models.DateField()
    rate = models.DecimalField(max_digits=24, decimal_places=12)
