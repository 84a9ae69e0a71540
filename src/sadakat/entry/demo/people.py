"""Generated names and addresses for the households of the sample data: deterministic, Turkish, nobody's."""

import random
from datetime import date, timedelta
from typing import Any

from sadakat.kernel import text

# Letters chosen to hurt: every letter that folds, lowers or sorts differently in Turkish is in here.
_FIRST = """Ayşe Fatma Işıl Çağla Gülşen Şeyma Özge Ümran İpek Elif Zeynep Ebru Pınar Sıla Iraz Nilüfer Tuğba Yağmur
Beyza Derya Ceren Defne Melek Sevgi Hülya Aslı Gökçe Nazlı Müge Büşra Barış İbrahim Çağrı Ömer Ünal Şükrü Gürkan Oğuz
Yiğit Uğur Mehmet Ahmet Mustafa Emre Kerem Tolga Cem Kaan Onur Serkan Volkan Hakan Ilgaz Işık Efe Arda Mert Sinan
Doğan Turgut""".split()
_LAST = """Yılmaz Kaya Demir Şahin Çelik Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kara Koç
Kurt Özkan Şimşek Polat Korkmaz Çakır Erdoğan Yavuz Can Acar Şen Aktaş Güler Yalçın Güneş Bozkurt Bulut Keskin Ünal
Turan Gül Özer Işık Kaplan Avcı Sarı Tekin Taş Köse Yüksel Ateş Aksoy Uçar Iğdır İnan Çağlayan
Karahisarlıoğlu""".split()
_CITIES = (
    "İstanbul",
    "Ankara",
    "İzmir",
    "Bursa",
    "Antalya",
    "Adana",
    "Konya",
    "Şanlıurfa",
    "Kayseri",
    "Eskişehir",
    "Iğdır",
    "Muğla",
)
_AGES = {
    "19-24": (19, 25),
    "25-34": (25, 35),
    "35-44": (35, 45),
    "45-54": (45, 55),
    "55-64": (55, 65),
    "65+": (65, 85),
}
_CITY_WEIGHTS = (34, 14, 12, 8, 7, 6, 5, 4, 4, 3, 1, 2)


def card_number(household: int) -> str:
    """Ten digits and a check digit (Luhn, ISO/IEC 7812-1 annex B).

    >>> card_number(900)
    '60340009004'
    """
    digits = f"6034{household:06d}"
    doubled = (int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return digits + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


def person(household: int, *, age_group: str | None, year_end: date) -> dict[str, Any]:
    """The generated traits of a household: the same ones every time; the birthday fits the recorded age group.

    >>> person(900, age_group="65+", year_end=date(2017, 12, 31))["birthday"] < "1953"
    True
    """
    dice = random.Random(household)  # noqa: S311 - sample data, not a secret
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    youngest, oldest = _AGES.get(age_group or "", (22, 74))
    born = year_end - timedelta(days=dice.randrange(youngest * 366, oldest * 365))
    return {
        "firstName": first,
        "lastName": last,
        "email": f"{text.fold(first)}.{text.fold(last)}.{household}@example.com",
        "phone": f"+90505{household:07d}",
        "city": dice.choices(_CITIES, _CITY_WEIGHTS)[0],
        "birthday": born.isoformat(),
        "language": "tr",
    }
