"""Makes the files that hurt: customers and orders as a Turkish shop exports them, and what must become of them.

The expectations come from here alone and from no code of Sadakat's. `python -m tests.messy_csv FOLDER` writes the files.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

ROWS: Final = 2_000
DUPLICATES: Final = 180
MOVED: Final = 160
REJECTED: Final = {
    "too few cells": 35,
    "too many cells": 10,
    "open quote": 10,
    "unreadable byte": 10,
    "nobody": 20,
    "no such time": 15,
}
WARNED: Final = {
    "e-mail of nobody": 60,
    "rounded phone": 50,
    "two e-mails": 40,
    "no such day": 30,
    "card of nobody": 20,
}
BLANK_LINES: Final = 40
CUSTOMER_HEADINGS: Final = (
    "MÜŞTERİ NO;Adı Soyadı;E-Posta Adresi;Cep Telefonu;Sadakat Kart No;İl;İLÇE;Doğum Tarihi;Cinsiyet;Kayıt Tarihi;"
    "Son Güncelleme;Meslek;Not"
)
FIRST_NAMES: Final = "Ayşe Işıl Barış Çağla İrem Ilgaz Iraz Özgür Ümit Şükrü Gülşen Yağız Tuğçe İbrahim Nilgün".split()
LAST_NAMES: Final = "Yılmaz Iğdır Öztürk Gülşen İnce Işık Ağaoğlu Çınar Şahin Üstün Kılıç Dağdelen".split()
CITIES: Final = {
    "İstanbul": "Kadıköy",
    "Iğdır": "Aralık",
    "Şanlıurfa": "Haliliye",
    "Muğla": "Fethiye",
    "Diyarbakır": "Bağlar",
    "İzmir": "Çiğli",
    "Kırıkkale": "Yahşihan",
    "Çanakkale": "Gökçeada",
}
JOBS: Final = ("Öğretmen", "Aşçı", "Mühendis", 'Usta "şef"', "")
NOTES: Final = ("", "", "", '"VIP; ara"', '"ilk satır\nikinci ""satır"""')
_CAPITALS: Final = str.maketrans({"i": "İ", "ı": "I"})
_ASCII: Final = str.maketrans("çğıİIöşüÇĞÖŞÜ", "cgiiiosucgosu")


@dataclass(kw_only=True)
class Person:
    """Somebody as the latest row about him leaves him."""

    user_id: str
    name: str
    email: str
    phone: str
    """Ten digits."""
    card: str
    city: str
    birthday: date | None
    gender: str
    job: str
    created_at: datetime
    """Local."""
    updated_at: datetime | None
    """Local; None where the file does not say."""
    emails: tuple[str, ...]
    """All that are his."""
    orders: list["Order"] = field(default_factory=list)
    """His orders that count, as the file of orders has them."""

    @property
    def keys(self) -> set[str]:
        """His identifiers, each in its one spelling."""
        said = {f"user_id:{self.user_id}", *(f"email:{email}" for email in self.emails)}
        said |= {f"phone:+90{self.phone}"} if self.phone else set()
        return said | ({f"card:{self.card}"} if self.card else set())


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order as its rows, its refund and its cancellation leave it."""

    order_id: str
    at: datetime
    """Local."""
    channel: str
    is_guest: bool
    status: str
    net_minor: int
    lines: int


CAST: Final = {
    "1001": ("Ayşe Yılmaz", "İstanbul", "female"),
    "1002": ("Işıl Iğdır", "Iğdır", "female"),
    "1003": ("Barış Öztürk", "Şanlıurfa", "male"),
    "1004": ("Çağla Gülşen", "Muğla", "female"),
}


@dataclass(frozen=True, kw_only=True)
class CustomersFile:
    """The file and what must become of it."""

    content: bytes
    accepted: int
    duplicates: int
    rejected: Mapping[str, Sequence[int]]
    """By what is wrong: the lines, the heading being line 1."""
    warned: Mapping[str, int]
    people: Mapping[str, Person]
    """By user id: everybody who must be a customer afterwards, and nobody else."""


def customers_file(*, seed: int = 1254) -> CustomersFile:
    """2,000 rows of customers: `;`, cp1254, Turkish headings."""
    random = Random(seed)
    people = {
        user_id: _person(random, number, user_id=user_id, name=name, city=city, gender=gender)
        for number, (user_id, (name, city, gender)) in enumerate(CAST.items())
    }
    count = ROWS - DUPLICATES - MOVED - sum(REJECTED.values())
    for number in range(len(people), count):
        people[f"M{number:05}"] = _person(random, number, user_id=f"M{number:05}")
    others = [*people.values()][len(CAST) :]
    random.shuffle(others)
    faults = [fault for fault, many in WARNED.items() for _ in range(many)]
    faulty = {person.user_id: fault for person, fault in zip(others, faults, strict=False)}
    rows = [("", _customer_row(random, person, fault=faulty.get(person.user_id, ""))) for person in people.values()]
    plain = [row for person, row in zip(people.values(), rows, strict=True) if person.user_id not in faulty]
    # Half of the duplicates are the same bytes, the others say the same in other spellings.
    rows += random.sample(plain, DUPLICATES // 2)
    unfaulted = others[len(faults) :]
    rows += [("", _customer_row(random, person, fault="")) for person in random.sample(unfaulted, DUPLICATES // 2)]
    movers = [*list(people.values())[: len(CAST)], *(person for person in unfaulted if person.updated_at)][:MOVED]
    rows += [("", _move(random, person)) for person in movers]
    for fault, many in REJECTED.items():
        rows += [(fault, _broken_row(random, fault, number)) for number in range(many)]
    random.shuffle(rows)
    content, rejected = _lines(random, rows)
    return CustomersFile(
        content=content,
        accepted=count + MOVED,
        duplicates=DUPLICATES,
        rejected=rejected,
        warned=WARNED,
        people=people,
    )


def _person(random: Random, number: int, *, user_id: str, name: str = "", city: str = "", gender: str = "") -> Person:
    name = name or f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"
    email = f"{name.translate(_ASCII).lower().replace(' ', '.')}.{number}@example.com"
    return Person(
        user_id=user_id,
        name=name,
        email=email,
        phone=f"{random.choice(['532', '533', '535', '542', '505'])}{number * 7 + 1_000_001:07}",
        card=f"6034{number * 11 + 100_007:08}",
        city=city or random.choice([*CITIES]),
        birthday=date(1950, 1, 1) + timedelta(days=random.randrange(20_000)),
        gender=gender or random.choice(["female", "male"]),
        job=random.choice(JOBS),
        created_at=datetime(2024, 1, 1) + timedelta(minutes=random.randrange(500_000)),  # noqa: DTZ001 - local
        updated_at=(  # those of the cast are always said
            datetime(2026, 1, 1) + timedelta(minutes=random.randrange(100_000))  # noqa: DTZ001 - local
            if city or random.random() < 0.9
            else None
        ),
        emails=(email,),
    )


def _customer_row(random: Random, person: Person, *, fault: str) -> bytes:
    """The row of a person; a fault changes what must be known of him."""
    email, phone, card = _spelled_email(random, person.email), _spelled_phone(random, person.phone), person.card
    birthday = f"{person.birthday:%d.%m.%Y}" if person.birthday else ""
    if fault == "e-mail of nobody":
        email, person.emails = random.choice(["yok", "ayse@", "@example.com", "bilinmiyor", "ad soyad@example.com"]), ()
    elif fault == "rounded phone":
        phone, person.phone = f"{person.phone[0]},{person.phone[1:6]}E+09", ""
    elif fault == "two e-mails":
        email = f"{person.email}; second.{person.email}"
    elif fault == "no such day":
        birthday, person.birthday = random.choice(["31.02.1990", "00.00.0000", "bilinmiyor"]), None
    elif fault == "card of nobody":
        card, person.card = "0000 0000 0000", ""
    elif random.random() < 0.3:
        card = f"{card[:4]} {card[4:8]}-{card[8:]}"
    return _encoded(
        [
            person.user_id,
            _cased(random, person.name),
            f'"{email}"' if ";" in email else email,
            phone,
            card,
            _cased(random, person.city),
            CITIES[person.city],
            birthday,
            random.choice({"female": ["KADIN", "Kadın", "K"], "male": ["ERKEK", "Erkek", "E"]}[person.gender]),
            f"{person.created_at:%d.%m.%Y %H:%M}",
            f"{person.updated_at:%d.%m.%Y %H:%M}" if person.updated_at else "",
            person.job,
            random.choice(NOTES),
        ]
    )


def _move(random: Random, person: Person) -> bytes:
    """A later row: another city and another e-mail, the card alone saying who it is."""
    person.city = random.choice([city for city in CITIES if city != person.city])
    person.updated_at = datetime(2026, 6, 1) + timedelta(minutes=random.randrange(100_000))  # noqa: DTZ001 - local
    person.email = f"yeni.{person.email}"
    person.emails = (*person.emails, person.email)
    when = f"{person.updated_at:%d/%m/%Y %H:%M:%S}"
    city = person.city.translate(_CAPITALS).upper()
    return _encoded(["", "", person.email, "", person.card, city, CITIES[person.city], "", "", "", when, "", ""])


def _broken_row(random: Random, fault: str, number: int) -> bytes:
    """A row that cannot count, about somebody who is nowhere else."""
    person = _person(random, 50_000 + number + 100 * list(REJECTED).index(fault), user_id=f"X{fault[:5]}{number}")
    if fault == "nobody":
        contact = random.choice([["", "", ""], ["yok", "155", "0000"], ["@", "", ""]])
        return _encoded(["", person.name, *contact, person.city, *[""] * 7])
    row = _customer_row(random, person, fault="").split(b";")
    row = [*row[:11], b"", b""]  # without other quotation marks than the one to come
    if fault == "too few cells":
        return b";".join(row[: random.randrange(1, 12)])
    if fault == "too many cells":
        return b";".join([*row, b"fazla"])
    if fault == "open quote":
        row[1] = b'"' + row[1]
    elif fault == "unreadable byte":
        row[5] += random.choice([b"\x81", b"\x8d", b"\x90", b"\x9d"])
    else:
        row[10] = random.choice([b"31.02.2026 10:00", b"2026", "dün".encode("cp1254"), b"12.13.2026"])
    return b";".join(row)


def _lines(random: Random, rows: Iterable[tuple[str, bytes]]) -> tuple[bytes, dict[str, list[int]]]:
    """The file with blank lines strewn in, and the lines that are wrong by what is wrong."""
    lines = [CUSTOMER_HEADINGS.encode("cp1254")]
    rejected: defaultdict[str, list[int]] = defaultdict(list)
    blank = Counter(random.randrange(ROWS) for _ in range(BLANK_LINES))
    for place, (fault, row) in enumerate(rows):
        lines += [random.choice([b"", b"   ", b";" * 12]) for _ in range(blank[place])]
        if fault:
            rejected[fault].append(len(lines) + 1)
        lines += row.split(b"\n")
    return b"\r\n".join(lines) + b"\r\n", dict(rejected)


def _encoded(cells: Sequence[str]) -> bytes:
    return ";".join(cells).encode("cp1254")


def _cased(random: Random, text: str) -> str:
    return text.translate(_CAPITALS).upper() if random.random() < 0.5 else text


def _spelled_email(random: Random, email: str) -> str:
    return random.choice([email, email.upper(), f" {email} ", email.title()])


def _spelled_phone(random: Random, digits: str) -> str:
    a, b, c, d = digits[:3], digits[3:6], digits[6:8], digits[8:]
    return random.choice(
        [
            digits,
            f"0{digits}",
            f"+90{digits}",
            f"90{digits}",
            f"0090 {digits}",
            f"0{a} {b} {c} {d}",
            f"(0{a}) {b}-{c}-{d}",
            f"+90 ({a}) {b} {c} {d}",
            f"0.{a}.{b}.{c}.{d}",
            f"{digits}.0",
            f"{digits},0",
            f"'0{digits}",
            f"{digits[0]},{digits[1:]}E+09",
        ]
    )


ORDER_HEADINGS: Final = (
    "Fiş No;Tarih;Durum;Mağaza Kodu;Müşteri No;Kart No;E-posta;Telefon;Misafir;Toplam;KDV;İndirim;Kupon;Ürün Kodu;"
    "Ürün Adı;Kategori;Adet;Birim Fiyat;İade Tarihi;İade Tutarı;İptal Tarihi"
).split(";")
ORDERS: Final = {"plain": 160, "lines": 40, "lines alone": 20, "refunded": 15, "partly refunded": 15, "cancelled": 15}
REPEATED_ORDERS: Final = 20
REJECTED_ORDERS: Final = {
    "rows differ": 5,
    "no order yet": 8,
    "negative": 5,
    "no such time": 5,
    "no amount": 4,
    "no number": 3,
}
ROWS_OF_LINES: Final = 3
STORES: Final = ("34-01", "06-02", "35-03")
DONE: Final = ("Tamamlandı", "TAMAMLANDI", "Teslim Edildi", "completed", "")
_Cells = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class OrdersFile:
    """The file and what must become of it."""

    content: bytes
    accepted: int
    rejected: Mapping[str, Sequence[int]]
    """By what is wrong: the lines."""
    orders: Mapping[str, Order]
    """By number: all that must be known afterwards, and no others."""
    nobodys: Sequence[str]
    """Numbers of orders that name nobody."""


def orders_file(people: Mapping[str, Person], *, seed: int = 1923) -> OrdersFile:
    """Orders of these people and of nobody, their lines scattered; they are added to the people's own.

    UTF-8 with a mark, `;`, decimal commas, ₺.
    """
    random = Random(seed)
    buyers = [person for person in people.values() if person.user_id in CAST]
    reachable = [person for person in people.values() if person.card and person.phone and person.emails]
    # With the cast no multiple of the four ways to name a buyer, so that each is met in all of them.
    buyers += random.sample(reachable, 59)
    rows: list[tuple[str, _Cells]] = []
    orders: dict[str, Order] = {}
    nobodys: list[str] = []
    for kind, many in ORDERS.items():
        for number in range(many):
            order_id = f"F-{len(orders) + 1:04}"
            buyer = buyers[len(orders) % len(buyers)]
            said, channel, is_guest = _who(random, buyer, place=number % 4)
            orders[order_id], written = _order(
                random, kind, order_id=order_id, said=said, channel=channel, is_guest=is_guest
            )
            rows += [("", row) for row in written]
            if number % 4 == 3:
                nobodys.append(order_id)
            else:
                buyer.orders.append(orders[order_id])
    rows += random.sample([row for row in rows if row[1]["Fiş No"] <= f"F-{ORDERS['plain']:04}"], REPEATED_ORDERS)
    accepted = len(rows)
    for fault, many in REJECTED_ORDERS.items():
        for number in range(many):
            rows += [(fault, row) for row in _broken_order(random, fault, number=number, buyer=random.choice(buyers))]
    random.shuffle(rows)
    lines = [";".join(ORDER_HEADINGS), *(";".join(row.get(name, "") for name in ORDER_HEADINGS) for _, row in rows)]
    rejected: defaultdict[str, list[int]] = defaultdict(list)
    for line, (fault, _) in enumerate(rows, start=2):
        if fault:
            rejected[fault].append(line)
    return OrdersFile(
        content="\n".join([*lines, ""]).encode("utf-8-sig"),
        accepted=accepted,
        rejected=dict(rejected),
        orders=orders,
        nobodys=nobodys,
    )


def _who(random: Random, buyer: Person, *, place: int) -> tuple[_Cells, str, bool]:
    """Cells that name the buyer in one of four ways, the channel, and whether he is a guest."""
    store = {"Mağaza Kodu": random.choice(STORES)}
    if place == 0:
        return {"Müşteri No": buyer.user_id, "Telefon": _spelled_phone(random, buyer.phone)}, "online", False
    if place == 1:
        return {"Kart No": buyer.card, **store}, "store", False
    if place == 2:
        return {"E-posta": _spelled_email(random, buyer.emails[0]), "Misafir": "Evet"}, "online", True
    return store, "store", True


def _order(
    random: Random, kind: str, *, order_id: str, said: _Cells, channel: str, is_guest: bool
) -> tuple[Order, list[_Cells]]:
    """An order of a kind, and its rows. A total of 120 has 20 tax."""
    at = datetime(2026, 1, 5) + timedelta(minutes=random.randrange(80 * 24 * 60))  # noqa: DTZ001 - local
    units = random.randrange(5, 2_000)
    row = {"Fiş No": order_id, "Tarih": f"{at:%d.%m.%Y %H:%M}", "Durum": random.choice(DONE), **said}
    priced = {"Toplam": _money(random, units * 120), "KDV": _money(random, units * 20)}
    later = f"{at + timedelta(days=3):%d.%m.%Y %H:%M}"
    rows, net, status = [row | priced], units * 100, "completed"
    if kind == "lines":
        # What holds for the whole order stands on its first line alone, as many tills write it.
        rows = [row | priced | _line(random, 1)]
        rows += [{"Fiş No": order_id, **_line(random, number)} for number in range(2, ROWS_OF_LINES + 1)]
    elif kind == "lines alone":
        prices = [random.randrange(1_000, 90_000) for _ in range(ROWS_OF_LINES)]
        rows = [row | _line(random, number, price=price) for number, price in enumerate(prices, start=1)]
        rows = [{**one, "İndirim": "10,50"} for one in rows]
        net = sum(price * number for number, price in enumerate(prices, start=1)) - 1_050
    elif kind == "refunded":
        rows, net, status = [row | priced | {"Durum": "İADE", "İade Tarihi": later}], 0, "refunded"
    elif kind == "partly refunded":
        back = random.randrange(1, units)
        refund = {"Durum": "Kısmi İade", "İade Tarihi": later, "İade Tutarı": _money(random, back * 120)}
        rows, net, status = [row | priced | refund], (units - back) * 100, "partly_refunded"
    elif kind == "cancelled":
        rows, net, status = [row | priced | {"Durum": "İptal Edildi", "İptal Tarihi": later}], 0, "cancelled"
    lines = ROWS_OF_LINES if kind.startswith("lines") else 0
    order = Order(
        order_id=order_id, at=at, channel=channel, is_guest=is_guest, status=status, net_minor=net, lines=lines
    )
    return order, rows


def _line(random: Random, number: int, *, price: int = 9_990) -> _Cells:
    """The cells of a line: as many pieces as its number."""
    return {
        "Ürün Kodu": f"U{number}",
        "Ürün Adı": ("Gömlek", "ÇORAP", "Iğne işi kırlent")[number - 1],
        "Kategori": "Giyim > Üst",
        "Adet": random.choice([f"{number}", f"{number},00"]),
        "Birim Fiyat": _money(random, price),
    }


def _broken_order(random: Random, fault: str, *, number: int, buyer: Person) -> list[_Cells]:
    """The rows of an order that cannot count."""
    row = {
        "Fiş No": "" if fault == "no number" else f"X-{list(REJECTED_ORDERS).index(fault)}-{number}",
        "Tarih": "05.01.2026 12:00",
        "Müşteri No": buyer.user_id,
        "Toplam": "100,00",
    }
    if fault == "rows differ":
        return [row, row | {"Toplam": "100,01"}]
    changes = {
        "no order yet": {"Durum": "Ödeme bekliyor"},
        "negative": {"Toplam": "-100,00"},
        "no such time": {"Tarih": "30.02.2026"},
        "no amount": {"Toplam": ""},
        "no number": {},
    }
    return [row | changes[fault]]


def _money(random: Random, minor: int) -> str:
    """An amount as people in Türkiye write it."""
    whole, kurus = divmod(minor, 100)
    thousands = f"{whole:,}".replace(",", ".")
    spellings = [f"{thousands},{kurus:02}", f"₺{thousands},{kurus:02}", f"{whole},{kurus:02} TL", f"{whole},{kurus:02}"]
    return random.choice(spellings)


def main(folder: Path) -> None:
    """Writes both files."""
    customers = customers_file()
    (folder / "musteriler.csv").write_bytes(customers.content)
    (folder / "siparisler.csv").write_bytes(orders_file(customers.people).content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
