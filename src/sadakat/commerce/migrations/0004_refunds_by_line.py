"""What of an order's revenue each line is, what has gone back of it, and the order's amounts with tax and shipping."""

from django.db import migrations, models

# Orders that are stored already: as far as their rows tell. Whatever is said of one computes it anew.
_FILL = """
    UPDATE commerce_order SET goods_minor = revenue_minor, taxed_minor = revenue_minor, total_minor = revenue_minor;
    UPDATE commerce_line AS line SET
        paid_minor = coalesce(div(line.amount_minor * sold.revenue::numeric, sold.whole), 0),
        refunded_minor = coalesce(div(
            div(line.amount_minor * sold.revenue::numeric, sold.whole) * least(sold.refunded, sold.revenue),
            nullif(sold.revenue, 0)), 0)
    FROM (
        SELECT bought.namespace, bought.order_id, bought.revenue_minor AS revenue, bought.refunded_minor AS refunded,
            nullif((SELECT sum(item.amount_minor) FROM commerce_line AS item
                WHERE (item.namespace, item.order_id) = (bought.namespace, bought.order_id)), 0) AS whole
        FROM commerce_order AS bought
    ) AS sold
    WHERE (line.namespace, line.order_id) = (sold.namespace, sold.order_id);
"""


def _amount(model_name, name):
    return migrations.AddField(model_name=model_name, name=name, field=models.BigIntegerField(default=0))


def _settled(model_name, name):
    return migrations.AlterField(model_name=model_name, name=name, field=models.BigIntegerField())


_NEW = [("order", "goods_minor"), ("order", "taxed_minor"), ("order", "total_minor"),
        ("line", "paid_minor"), ("line", "refunded_minor")]


class Migration(migrations.Migration):
    dependencies = [("commerce", "0003_line_product")]
    operations = [
        *(_amount(*field) for field in _NEW),
        migrations.AddField(model_name="line", name="brand", field=models.TextField(default="")),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
        *(_settled(*field) for field in _NEW),
        migrations.AddConstraint(
            model_name="line",
            constraint=models.CheckConstraint(
                condition=models.Q(refunded_minor__gte=0, refunded_minor__lte=models.F("paid_minor")),
                name="commerce_line_refund_at_most",
            ),
        ),
    ]
