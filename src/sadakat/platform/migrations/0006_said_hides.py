"""Names of direct identifiers are folded before they are known: `Soyadı` and `İsim` are some, as `soyad` and `isim` are."""

from django.db import migrations

# Letters and digits alone, as `fold_text` leaves them; English and Turkish.
_HIDDEN = ", ".join(
    f"'{name}'"
    for name in (
        "%mail% %eposta% %phone% %telefon% %msisdn% %address% %adres% %iban% %tckn% %kimlik% %nationalid% %identityn% "
        "%passport% %password% %cardn% %token% name firstname lastname fullname middlename surname username givenname "
        "familyname maidenname customername recipientname contactname ad adi soyad soyadi adsoyad adisoyadi isim mobile "
        "gsm cep% card creditcard kart kartno street ip ssn tc tcno avatar whatsapp instagram twitter facebook userid "
        "useragent deviceid"
    ).split()
)
REPLACE = f"""
    CREATE OR REPLACE FUNCTION said_hides(name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT translate(fold_text(name), ' _-.', '') LIKE ANY (ARRAY[{_HIDDEN}])
    $$;
    INSERT INTO platform_lakepartition AS known (dataset, partition, changes, written)
    SELECT DISTINCT dataset, partition, 1, 0 FROM platform_lakefile WHERE dataset IN ('subjects', 'events')
    ON CONFLICT (dataset, partition) DO UPDATE SET changes = known.changes + 1;
"""


class Migration(migrations.Migration):
    dependencies = [("platform", "0005_lake_files")]
    operations = [migrations.RunSQL(REPLACE, migrations.RunSQL.noop)]
