"""Made-up pages that use every part of the kit, served to the tests alone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.views.i18n import set_language

from sadakat.platform.ui import charts, formats, parts

ZONE = ZoneInfo("Europe/Istanbul")
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def say(english: str, turkish: str) -> str:
    return turkish if get_language() == "tr" else english


def _lira(minor: float | None) -> str:
    return formats.money(minor, currency="TRY", has_decimals=False)


def _short_lira(minor: float | None) -> str:
    return formats.compact_money(minor, currency="TRY")


def _figures() -> list[parts.Figure]:
    up, down = [3, 2, 2.5, 2, 4, 6, 5.5, 6, 5, 8, 8.5, 9], [8, 7, 6, 8, 7, 6, 4, 4.5, 6, 5, 5, 2]
    return [
        parts.Figure(
            label=say("Retention rate", "Elde tutma oranı"),
            value=formats.percent(0.418),
            note=say("against the quarter before", "önceki çeyreğe göre"),
            change=parts.Change(text=formats.points_change(0.021), is_good=True),
            definition_url="/#retention",
            spark=charts.sparkline(up),
        ),
        parts.Figure(
            label=say("Repeat purchase rate", "Tekrar satın alma oranı"),
            value=formats.percent(0.334),
            note=say("last 90 days", "son 90 gün"),
            change=parts.Change(text=formats.points_change(0), is_good=True),
            definition_url="/#repeat",
            spark=charts.sparkline(up[::-1]),
        ),
        parts.Figure(
            label=say("Average order value", "Ortalama sipariş değeri"),
            value=_lira(128_450),
            note=say("last 365 days", "son 365 gün"),
            change=parts.Change(text=formats.percent_change(-0.023), is_good=False),
            spark=charts.sparkline(down),
        ),
        parts.Figure(
            label=say("Active customers", "Etkin müşteriler"),
            value=formats.number(18_412),
            note=say("ordered in 90 days", "90 günde sipariş veren"),
            change=parts.Change(text=formats.percent_change(0.046)),
            spark=charts.sparkline([None, *up]),
        ),
    ]


def _revenue(weeks: int) -> charts.Chart:
    now = [(154 + 2 * n + 9 * ((n * 7) % 5 - 2)) * 1_000_000 for n in range(26)][-weeks:]
    before = [(127 + 1.2 * n + 8 * ((n * 5) % 4 - 1)) * 1_000_000 for n in range(26)][-weeks:]
    return charts.line(
        title=say("Revenue, net, per week", "Haftalık net ciro"),
        label_name=say("Week of", "Hafta"),
        labels=[formats.day_month(date(2026, 11, 16) - timedelta(weeks=n)) for n in reversed(range(weeks))],
        series=[
            charts.Series(say("This year", "Bu yıl"), now),
            charts.Series(say("Year before", "Geçen yıl"), before, "b"),
        ],
        show=_lira,
        show_tick=_short_lira,
    )


def _needs() -> list[parts.Need]:
    return [
        parts.Need(
            title=say("1,204 loyal customers are slipping away", "1.204 sadık müşteri uzaklaşıyor"),
            reason=say(
                "No order for twice their usual gap.",
                "Alışılmış aralıklarının iki katı süredir sipariş vermediler.",
            ),
            verb=say("Review segment", "Segmenti incele"),
            url="/#segment",
            tone="bad",
        ),
        parts.Need(
            title=say("A source has been silent for 3 hours", "Bir kaynak 3 saattir sessiz"),
            reason=say("Online shop usually sends 400 events an hour.", "Web mağazası saatte 400 olay gönderir."),
            verb=say("Open source", "Kaynağı aç"),
            url="/#source",
            tone="warn",
        ),
        parts.Need(
            title=say("The import is done", "İçe aktarma bitti"),
            reason=say("20,310 rows in, 14 rejected.", "20.310 satır alındı, 14 satır reddedildi."),
            verb=say("Read the report", "Raporu oku"),
            url="/#import",
            tone="good",
        ),
    ]


def home(request: HttpRequest) -> HttpResponse:
    weeks = {"6": 6, "12": 12}.get(request.GET.get("weeks", ""), 26)
    tabs = [parts.Tab(id=f"weeks-{n}", label=str(n), url=f"/?weeks={n}", is_current=n == weeks) for n in (6, 12, 26)]
    context = {"figures": _figures(), "revenue": _revenue(weeks), "tabs": tabs, "needs": _needs()}
    context["hello"] = say("Good morning, Elif", "Günaydın Elif")
    context["week"] = say("Moda Nord · week 47, against the week before", "Moda Nord · 47. hafta, önceki haftaya göre")
    context["words"] = {
        "revenue": say("Revenue", "Ciro"),
        "net": say("net, per week", "net, haftalık"),
        "weeks": say("Weeks", "Hafta sayısı"),
        "needs": say("What needs you", "Sizi bekleyenler"),
    }
    return render(request, "sample_home.html", context)


COLUMNS = [
    parts.Column(label="Order", key="order"),
    parts.Column(label="Date", key="date", starts_descending=True),
    parts.Column(label="Channel"),
    parts.Column(label="Total", key="total", is_numeric=True, starts_descending=True),
    parts.Column(label="Status"),
]


def _items() -> list[parts.TimelineItem]:
    return [
        parts.TimelineItem(icon=icon, title=title, text=text, at=NOW, clock=formats.clock(NOW, zone=ZONE), tone=tone)
        for icon, title, text, tone in (
            ("mail", say("Opened “Winter knitwear”", "“Kış trikosu” açıldı"), say("E-mail", "E-posta"), ""),
            ("shopping-bag", say("Ordered MN-108214", "MN-108214 siparişi"), "₺1.849,90", "accent"),
            ("message-square", say("Scored 9 of 10", "10 üzerinden 9 verdi"), "“Kargo hızlıydı!”", "good"),
            ("message-square", say("Complaint solved", "Şikâyet çözüldü"), say("5 h", "5 sa"), "warn"),
        )
    ]


def customer(request: HttpRequest) -> HttpResponse:
    ask = parts.asked(request, columns=COLUMNS, usual_order="-date")
    rows = [
        (
            "MN-108214",
            date(2026, 11, 12),
            say("Online shop", "Web mağazası"),
            184_990,
            "good",
            say("Delivered", "Teslim"),
        ),
        ("MN-106902", date(2026, 9, 30), "Karşıyaka", 128_050, "warn", say("Partly refunded", "Kısmen iade")),
        ("MN-103377", date(2026, 7, 2), say("Call centre", "Çağrı merkezi"), 39_990, "bad", say("Cancelled", "İptal")),
    ]
    empty = parts.Empty(icon="shopping-bag", title=say("No orders yet", "Henüz sipariş yok"), url="/", verb="Home")
    rows = [] if "none" in request.GET else rows
    table = parts.table(
        request,
        caption=say("Orders", "Siparişler"),
        columns=COLUMNS,
        rows=rows,
        total=len(rows) * 17,
        page_size=3,
        ask=ask,
        empty=empty,
        export_url="/export",
    )
    words = {
        "who": say("Who", "Kim"),
        "consent": say("Consent", "İzinler"),
        "time": say("Time line", "Zaman akışı"),
        "today": say("Today", "Bugün"),
        "orders": say("Orders", "Siparişler"),
        "stage": say("Stage", "Aşama"),
        "loyalty": say("Loyalty", "Sadakat"),
        "since": say("İzmir · customer since 14 March 2023", "İzmir · 14 Mart 2023’ten beri müşteri"),
        "act": say("Separate", "Ayır"),
        "ask": say("Separate the two profiles?", "İki profil ayrılsın mı?"),
        "what": say("Orders stay with their own profile.", "Siparişler kendi profilinde kalır."),
        "main": say("Send message", "Mesaj gönder"),
        "flat": say("Refunds per month", "Aylık iade"),
        "none": say("Orders by call centre", "Çağrı merkezi siparişleri"),
    }
    facts = [
        (say("E-mail", "E-posta"), "aysegul.caglayan-karahisarlioglu@cok-uzun-ornek-alan-adi.com.tr"),
        (say("Phone", "Telefon"), "+90 532 000 00 00"),
        (say("Last seen", "Son görülme"), formats.relative(NOW - timedelta(days=3), now=NOW)),
    ]
    context = {"table": table, "facts": facts, "items": _items(), "words": words, "brand_zone": ZONE}
    months = [formats.month(date(2026, m, 1)).split()[0] for m in range(1, 13)]
    context["flat"] = charts.bars(
        title=words["flat"],
        label_name=say("Month", "Ay"),
        value_name=say("Refunds", "İade"),
        labels=months,
        values=[40_000, 12_000, 0, 90_000, -22_000, 31_000, None, 8_000, 76_500, 12_000, 44_000, 25_000],
        show=_lira,
        show_tick=_short_lira,
    )
    context["none"] = charts.line(
        title=words["none"],
        label_name=say("Month", "Ay"),
        labels=months,
        series=[charts.Series(say("Orders", "Sipariş"), [0] * 12)],
        show=formats.number,
    )
    return render(request, "sample_customer.html", context)


class SourceForm(forms.Form):
    name = forms.CharField(label="Name", help_text="Shown on the time line.")
    kind = forms.ChoiceField(label="Kind", choices=[("server", "Server"), ("browser", "Browser")])
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    joins = forms.BooleanField(label="May join profiles", required=False, help_text="Only what you trust.")


def form(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        messages.success(request, "Saved.")
        messages.error(request, "Not sent: the source is gone.")
    return render(request, "sample_form.html", {"form": SourceForm(request.POST or None)})


def plain(request: HttpRequest) -> HttpResponse:
    return render(request, "sample_plain.html", {"form": SourceForm()})


urlpatterns = [
    path("", home, name="home"),
    path("customer/", customer, name="sample_customer"),
    path("form/", form, name="sample_form"),
    path("plain/", plain, name="login"),
    path("search/", customer, name="search"),
    path("log-out/", plain, name="logout"),
    path("language/", set_language, name="set_language"),
]
PATHS = ("/", "/customer/", "/customer/?none=1", "/form/", "/plain/")
