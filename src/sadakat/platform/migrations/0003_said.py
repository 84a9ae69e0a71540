"""What predicates read JSON by: each value in the one type asked for, null where it has another."""

from django.db import migrations

CREATE = """
    CREATE FUNCTION said_text(said json, key text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
        $$ SELECT CASE WHEN json_typeof(said -> key) = 'string' THEN said ->> key END $$;
    CREATE FUNCTION said_number(said json, key text) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
        $$ SELECT CASE WHEN json_typeof(said -> key) = 'number' THEN (said ->> key)::double precision END $$;
    CREATE FUNCTION said_flag(said json, key text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
        $$ SELECT CASE WHEN json_typeof(said -> key) = 'boolean' THEN (said ->> key)::boolean END $$;
    CREATE FUNCTION said_whole(said json, key text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
        $$ SELECT CASE WHEN json_typeof(said -> key) = 'number' THEN (said ->> key)::bigint END $$;
    CREATE FUNCTION said_exists(said json, key text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
        $$ SELECT coalesce(json_typeof(said -> key) <> 'null', false) $$;
"""
DROP = """
    DROP FUNCTION said_text(json, text), said_number(json, text), said_flag(json, text), said_whole(json, text),
        said_exists(json, text);
"""


class Migration(migrations.Migration):
    dependencies = [("platform", "0002_api_keys")]
    operations = [migrations.RunSQL(CREATE, DROP)]
