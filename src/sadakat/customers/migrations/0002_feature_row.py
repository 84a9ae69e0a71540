from django.db import migrations


class Migration(migrations.Migration):
    """The feature row, whose columns its owners add at run time, and room for rows that are updated in place."""

    dependencies = [("customers", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            CREATE EXTENSION IF NOT EXISTS pg_trgm;
            CREATE TABLE customers_feature (
                customer_id bigint PRIMARY KEY,
                traits jsonb NOT NULL DEFAULT '{}',
                name text NOT NULL DEFAULT '',
                search_text text COLLATE "C" NOT NULL DEFAULT '',
                changed_at timestamptz NOT NULL
            ) WITH (fillfactor = 50);
            CREATE INDEX customers_feature_search ON customers_feature USING gin (search_text gin_trgm_ops);
            -- Made for LIKE, which an index in the order of "C" answers as well.
            DROP INDEX IF EXISTS customers_identifier_key_0e87cdf6_like;
            ALTER TABLE customers_profile SET (fillfactor = 80);
            ALTER TABLE customers_activity SET (fillfactor = 70);
            ALTER TABLE customers_trait SET (fillfactor = 70);
            ALTER TABLE customers_identifier SET (fillfactor = 85);
            """,
            reverse_sql="""
            DROP TABLE customers_feature;
            ALTER TABLE customers_profile RESET (fillfactor);
            ALTER TABLE customers_activity RESET (fillfactor);
            ALTER TABLE customers_trait RESET (fillfactor);
            ALTER TABLE customers_identifier RESET (fillfactor);
            """,
        )
    ]
