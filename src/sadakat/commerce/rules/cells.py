"""What cells of files say of products and orders: words of both languages, signs of currencies, paths of categories."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sadakat.commerce.types import OrderStatus
from sadakat.kernel import text as texts
from sadakat.kernel.errors import Invalid


def _by_word(words: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({word.strip(): meant for meant, said in words.items() for word in said.split(",")})


_OPEN: Final = "open"
# Folded; the words of shop systems and of tills.
_STATUSES: Final = _by_word(
    {
        OrderStatus.COMPLETED: """completed, complete, tamamlandi, tamamlanmis, paid, odendi, odeme alindi, processing,
            in process, hazirlaniyor, isleniyor, isleme alindi, islemde, approved, confirmed, onaylandi, onayli,
            shipped, in transit, kargoda, kargolandi, kargoya verildi, gonderildi, sevk edildi, delivered, fulfilled,
            teslim, teslim edildi, invoiced, faturalandi, closed, kapandi, kapali, success, successful, basarili,
            placed, siparis alindi, sale, sold, satis, satildi""",
        OrderStatus.REFUNDED: """refunded, refund, returned, return, fully refunded, iade, iade edildi, iade alindi,
            iade tamamlandi, tam iade, geri odendi""",
        OrderStatus.PARTLY_REFUNDED: """partly refunded, partially refunded, partial refund, partially returned,
            kismi iade, kismen iade, kismi iade edildi, kismen iade edildi""",
        OrderStatus.CANCELLED: "cancelled, canceled, cancel, void, voided, iptal, iptal edildi, iptal oldu",
        _OPEN: """open, pending, pending payment, awaiting payment, unpaid, on hold, draft, failed, declined, rejected,
            bekliyor, bekleniyor, beklemede, onay bekliyor, onay bekleniyor, odeme bekliyor, odeme bekleniyor,
            odenmedi, taslak, basarisiz, hata, hatali, reddedildi""",
    }
)
_CHANNELS: Final = _by_word(
    {
        "store": """store, in store, instore, retail, pos, point of sale, till, offline, magaza, magazadan, sube, kasa,
            perakende, fiziksel magaza, magaza satisi""",
        "online": """online, web, website, web site, web sitesi, site, internet, internet sitesi, e commerce,
            ecommerce, e ticaret, eticaret""",
        "call_centre": """call centre, call center, callcentre, callcenter, phone, telephone, telefon, telefonla,
            telefon siparisi, cagri merkezi""",
    }
)
_CURRENCIES: Final = _by_word(
    {"TRY": "tl, ₺, turk lirasi, lira", "EUR": "€, euro, avro", "USD": "$, us$, dolar", "GBP": "£"}
)
_SIGNS = re.compile(r"[-_./]+")
_ARROWS = re.compile(r"[>»›]")


def read_status(cell: str) -> OrderStatus:
    """What a word of either language says has become of an order.

    >>> read_status("TESLİM EDİLDİ").value, read_status("Partially-Refunded").value
    ('completed', 'partly_refunded')

    Raises:
        Invalid: it is not paid yet and no order, or the word is not known.
    """
    meant = _STATUSES.get(_folded(cell))
    if meant is None:
        raise Invalid(f"status {cell!r:.40} is not known; completed, refunded, partly refunded and cancelled are")
    if meant is _OPEN:
        raise Invalid(f"status {cell!r:.40} says that this is no order yet")
    return OrderStatus(meant)


def read_channel(cell: str) -> str:
    """`store`, `online` or `call_centre` where a word of either language says so; else the text, folded.

    >>> read_channel("Mağaza"), read_channel("ÇAĞRI MERKEZİ"), read_channel("Trendyol")
    ('store', 'call_centre', 'trendyol')
    """
    return _CHANNELS.get(_folded(cell), texts.fold(cell))


def read_currency(cell: str) -> str:
    """The code of a currency that is written as a sign or a word; else the text in capitals.

    >>> read_currency("TL"), read_currency("€"), read_currency("usd")
    ('TRY', 'EUR', 'USD')
    """
    return _CURRENCIES.get(texts.fold(cell), cell.strip().upper())


def read_path(cell: str) -> tuple[str, ...]:
    """The names of a category from the root of its tree down.

    >>> read_path("Giyim > Erkek > Gömlek"), read_path("Ev/Yaşam")
    (('Giyim', 'Erkek', 'Gömlek'), ('Ev/Yaşam',))
    """
    return tuple(" ".join(name.split()) for name in _ARROWS.split(cell) if name.strip())


def _folded(cell: str) -> str:
    return texts.fold(_SIGNS.sub(" ", cell))
