"""JSON of events and traits is read by functions that fold texts and read times as the predicate language does."""

import unicodedata

from django.db import migrations


def _ranges(points: list[int]) -> str:
    """A class of characters for a regular expression of PostgreSQL."""
    ends = [(p, p + 1 not in points) for p in points if p - 1 not in points or p + 1 not in points]
    return "".join(f"\\U{point:08x}" + ("" if is_last else "-") for point, is_last in ends)


# `kernel.text.fold` in SQL. lower() goes by the locale, which may be Turkish, so it is left ASCII alone; what no
# decomposition leads back to ASCII is translated. Surrogates are no characters.
_ALL = [chr(p) for p in range(0x80, 0x110000) if not 0xD800 <= p < 0xE000]
_CAPITALS = [c for c in _ALL if len(c.lower()) == 1 and c.lower() != c == unicodedata.normalize("NFKD", c)]
_FROM = "ıς" + "".join(_CAPITALS)
_TO = "iσ" + "".join(c.lower() for c in _CAPITALS)
_MARKS = _ranges([ord(c) for c in _ALL if unicodedata.combining(c)])

# The spelling of `kernel.predicates.evaluating`: only days that there are, and no instants in the last year of all,
# which another zone would lead out of it.
_TIME = (
    r"^(?!9999.{6}.)(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?)?$"
)

# Names of direct identifiers, their letters and digits alone; English and Turkish.
_HIDDEN = ", ".join(
    f"'{name}'"
    for name in (
        "%mail% %eposta% %phone% %telefon% %msisdn% %address% %adres% %iban% %tckn% %nationalid% %identityn% "
        "%passport% %password% %cardn% %token% name firstname lastname fullname middlename surname username givenname "
        "familyname maidenname ad soyad adsoyad isim mobile gsm card creditcard kart kartno street ip ssn tc tcno avatar whatsapp "
        "instagram twitter facebook userid useragent deviceid"
    ).split()
)

CREATE = f"""
    DROP FUNCTION said_text(json, text), said_number(json, text), said_flag(json, text), said_whole(json, text),
        said_exists(json, text);

    -- Nearly every text becomes ASCII by the Turkish letters alone, which takes a tenth of the time of decomposing it.
    CREATE FUNCTION fold_text(given text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $fold$
    DECLARE
        plain text := translate(given, E'çğıİöşüâîûÇĞÖŞÜÂÎÛ\\t\\n\\x0B\\f\\r\\x1C\\x1D\\x1E\\x1F',
            'cgiiosuaiucgosuaiu         ');
    BEGIN
        IF octet_length(plain) = char_length(plain) AND strpos(plain, '  ') = 0 THEN
            RETURN btrim(lower(plain COLLATE "C"));
        END IF;
        RETURN btrim(regexp_replace(lower(translate(
            regexp_replace(normalize(given, NFKD) COLLATE "C", '[{_MARKS}]', '', 'g'),
            '{_FROM}', '{_TO}') COLLATE "C"), '[\\s\\u001c-\\u001f\\u0085\\u1680\\u2028\\u2029]+', ' ', 'g'));
    END $fold$;

    -- Microseconds since 1970 and back, exact in any year; floating seconds, a quarter of the work, are until 2100.
    CREATE FUNCTION micros(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN at >= '1850-01-01Z'::timestamptz AND at < '2100-01-01Z'::timestamptz
            THEN round(date_part('epoch', at) * 1000000)::bigint ELSE (extract(epoch FROM at) * 1000000)::bigint END
    $$;

    CREATE FUNCTION instant_of(micros bigint) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
        $$ SELECT to_timestamp(micros / 1000000) + micros % 1000000 * interval '1 microsecond' $$;

    -- The first instant of a local day, also where clocks are set back to its midnight and the hour comes twice.
    CREATE FUNCTION midnight_of(day timestamp, zone text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN ((day AT TIME ZONE zone) - interval '1 hour') AT TIME ZONE zone = day
            THEN (day AT TIME ZONE zone) - interval '1 hour' ELSE day AT TIME ZONE zone END
    $$;

    -- An instant or a day of ISO 8601 as microseconds since 1970; null for all else. Without an offset it is UTC.
    CREATE FUNCTION moment_of(said text, zone text) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT CASE
            WHEN said IS NULL OR said !~ '{_TIME}' THEN NULL
            WHEN length(said) = 10 THEN micros(midnight_of(said::timestamp, zone))
            WHEN said ~ '(Z|[+-][0-9]{{2}}:[0-9]{{2}})$' THEN micros(said::timestamptz)
            ELSE micros((said || 'Z')::timestamptz) END
    $$;

    -- The local day as month * 100 + day.
    CREATE FUNCTION day_of(at bigint, zone text) RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT to_char(instant_of(at) AT TIME ZONE zone, 'MMDD')::int
    $$;

    CREATE FUNCTION said_text(said jsonb, key text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
        $$ SELECT CASE WHEN jsonb_typeof(said -> key) = 'string' THEN fold_text(said ->> key) END $$;
    CREATE FUNCTION said_number(said jsonb, key text) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN jsonb_typeof(said -> key) = 'number' THEN
            CASE WHEN abs((said -> key)::numeric) < 1000000000000 THEN round((said -> key)::numeric, 300)::float8 END
        END
    $$;
    CREATE FUNCTION said_flag(said jsonb, key text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
        $$ SELECT CASE WHEN jsonb_typeof(said -> key) = 'boolean' THEN (said -> key)::boolean END $$;
    CREATE FUNCTION said_exists(said jsonb, key text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
        $$ SELECT coalesce(jsonb_typeof(said -> key) <> 'null', false) $$;
    CREATE FUNCTION said_moment(said jsonb, key text, zone text) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
        $$ SELECT CASE WHEN jsonb_typeof(said -> key) = 'string' THEN moment_of(said ->> key, zone) END $$;
    CREATE FUNCTION said_day(said jsonb, key text, zone text) RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN jsonb_typeof(said -> key) = 'string' AND moment_of(said ->> key, zone) IS NOT NULL THEN
            CASE WHEN length(said ->> key) = 10 THEN translate(substr(said ->> key, 6), '-', '')::int
            ELSE day_of(moment_of(said ->> key, zone), zone) END
        END
    $$;

    -- The aggregate that Ibis calls by this name; state and answer are one value, whatever comes after it.
    CREATE FUNCTION first_of(jsonb, jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1';
    CREATE AGGREGATE first(jsonb) (sfunc = first_of, stype = jsonb, parallel = safe);

    -- `platform.predicates.key_of`.
    CREATE FUNCTION key_of(name text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN name ~ '^[A-Za-z_][A-Za-z0-9_]*$' AND NOT starts_with(name, 'x_') THEN name
            ELSE 'x_' || encode(convert_to(name, 'UTF8'), 'hex') END
    $$;
    -- Whether what goes by this name may tell directly who somebody is. It stays out of the lake.
    CREATE FUNCTION said_hides(name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT translate(lower(name COLLATE "C"), ' _-.', '') LIKE ANY (ARRAY[{_HIDDEN}])
    $$;
    -- What the lake keeps of a JSON object: folded scalars by `key_of`; of all else only that it is there.
    CREATE FUNCTION said_of(properties jsonb) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        IF coalesce(jsonb_typeof(properties) <> 'object' OR properties = '{{}}', true) THEN
            RETURN NULL;
        END IF;
        RETURN (
            SELECT jsonb_object_agg(key_of(key), CASE
                WHEN said_hides(key) THEN '{{}}'::jsonb
                WHEN jsonb_typeof(value) = 'string' THEN to_jsonb(fold_text(value #>> '{{}}'))
                WHEN jsonb_typeof(value) = 'boolean' THEN value
                WHEN jsonb_typeof(value) = 'number' THEN coalesce(to_jsonb(said_number(properties, key)), '{{}}')
                ELSE '{{}}' END)::text
            FROM jsonb_each(properties) WHERE value <> 'null');
    END $$;
    -- The times among them and their local days. Most objects have none, which a look at the text tells.
    CREATE FUNCTION said_moments(properties jsonb, zone text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        IF coalesce(jsonb_typeof(properties) <> 'object' OR properties::text !~ '"[1-9][0-9]{{3}}-[01]', true) THEN
            RETURN NULL;
        END IF;
        RETURN (
            SELECT json_object_agg(key_of(key), said_moment(properties, key, zone))::text
            FROM jsonb_object_keys(properties) AS key
            WHERE NOT said_hides(key) AND said_moment(properties, key, zone) IS NOT NULL);
    END $$;
    CREATE FUNCTION said_days(properties jsonb, zone text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        IF coalesce(jsonb_typeof(properties) <> 'object' OR properties::text !~ '"[1-9][0-9]{{3}}-[01]', true) THEN
            RETURN NULL;
        END IF;
        RETURN (
            SELECT json_object_agg(key_of(key), said_day(properties, key, zone))::text
            FROM jsonb_object_keys(properties) AS key
            WHERE NOT said_hides(key) AND said_day(properties, key, zone) IS NOT NULL);
    END $$;
"""


class Migration(migrations.Migration):
    """See platform/predicates.py."""

    dependencies = [("platform", "0003_said")]
    operations = [migrations.RunSQL(CREATE)]
