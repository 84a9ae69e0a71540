"""Reasons in the reader's language: every one that the code can give has a template, and is told whole."""

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec
import pytest
from django.utils import translation

import sadakat
from sadakat.analytics.web import reasons as analytics_reasons
from sadakat.commerce.web import reasons as commerce_reasons
from sadakat.customers.web import reasons as customers_reasons
from sadakat.events import failures
from sadakat.events.web import reasons as events_reasons
from sadakat.loyalty.web import reasons as loyalty_reasons
from sadakat.platform.ui import reasons
from sadakat.predictions.web import reasons as predictions_reasons
from sadakat.segments.web import reasons as segments_reasons

PACKAGE = Path(sadakat.__file__).parent
CONTEXTS = ("events", "customers", "commerce", "segments", "analytics", "predictions", "loyalty")
PLACES = ("kernel/*.py", *(f"{context}/**/*.py" for context in CONTEXTS))
# Said to who writes code, answers REST or starts a server, and never on a page.
NOT_ON_PAGES = (
    "*/web/*.py",
    "*/api.py",
    "*/testing.py",
    "*/types/*.py",
    "*/methods/*.py",
    "analytics/queries/figures.py",  # the arguments of reports
    "analytics/queries/slices.py",
    "customers/features.py",  # registering and writing features
    "customers/queries.py",  # names of customers, as the command line and REST take them
    "customers/searching.py",  # lists, whose pages ask for nothing else
    "customers/rules/filters.py",  # the pages say their own sentence
    "events/plugs.py",
)
NOT_ON_PAGES_EITHER = {
    "names of consumers must differ: 12",
    "names of consumers must differ: Örnek",
    # Why an award was taken back, as the ledger keeps it.
    "changed",
    "moved",
}
KINDS = {
    "Invalid",
    "Refused",
    "RefusedError",
    "Conflict",
    "NotFound",
    "Unavailable",
    "Unreadable",
    "CellFault",
    "Record",
    "_list",
}
# Functions whose texts are reasons although no error is made in them.
TELLERS = {"fault_of", "no_rate", "read_identifier", "_object"}
SAMPLES = ("12", "Örnek")

reasons.register(
    [
        *events_reasons.TEMPLATES,
        *customers_reasons.TEMPLATES,
        *commerce_reasons.TEMPLATES,
        *segments_reasons.TEMPLATES,
        *analytics_reasons.TEMPLATES,
        *predictions_reasons.TEMPLATES,
        *loyalty_reasons.TEMPLATES,
    ]
)


def texts(node: ast.expr, *, names: dict[str, ast.expr], sample: str) -> list[str]:  # noqa: PLR0911 - one form each
    """What a text of the sources says when its values are the sample; empty where it is composed elsewhere."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Name):
        return texts(names[node.id], names=names, sample=sample) if node.id in names else []
    if isinstance(node, ast.IfExp):
        return texts(node.body, names=names, sample=sample) + texts(node.orelse, names=names, sample=sample)
    if isinstance(node, ast.BinOp):
        sides = (texts(side, names=names, sample=sample) for side in (node.left, node.right))
        return ["".join(pair) for pair in product(*sides)]
    if isinstance(node, ast.Tuple):
        return [text for element in node.elts for text in texts(element, names=names, sample=sample)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(_part(part, names=names, sample=sample) for part in node.values)]
    return []


def _part(part: ast.expr, *, names: dict[str, ast.expr], sample: str) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    if isinstance(part.value, ast.Name) and part.value.id in names:
        return texts(part.value, names=names, sample=sample)[0] if _is_text(names[part.value.id]) else sample
    return repr(sample) if part.conversion == ord("r") else sample


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _said(node: ast.AST) -> Iterator[ast.expr]:
    """The texts of a node of the tree that are reasons."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        place = {"CellFault": 1, "_list": 1, "Record": 2}.get(name, 0)
        if name in KINDS and len(node.args) > place:
            yield node.args[place]
        yield from (keyword.value for keyword in node.keywords if keyword.arg in {"reason", "fault"})
    if isinstance(node, ast.Assign) and any(getattr(each, "id", "") in {"fault", "reason"} for each in node.targets):
        yield node.value
    if isinstance(node, ast.FunctionDef) and node.name in TELLERS:
        yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)


def found() -> Iterator[tuple[str, str]]:
    """Every reason of the sources with its place."""
    for path in sorted(path for places in PLACES for path in PACKAGE.glob(places)):
        place = path.relative_to(PACKAGE)
        if any(place.match(pattern) for pattern in NOT_ON_PAGES):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            each.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
            for each in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(each, ast.Name)
        }
        for node in ast.walk(tree):
            for said in _said(node):
                for sample in SAMPLES:
                    yield from (
                        (f"{place}:{said.lineno}", text) for text in texts(said, names=names, sample=sample) if text
                    )


def is_known(text: str) -> bool:
    with translation.override("tr"):
        return reasons.told(text).is_translated


@pytest.mark.parametrize(
    ("text", "turkish"),
    [
        ("expected 13 cells", "13 hücre bekleniyordu"),
        ("expected 13 cells, found 10", "13 hücre beklenirken 10 hücre bulundu"),
        ("it holds more than one; the first counts", "birden fazla değer var; ilki sayılır"),
        ("no identifier: all of email, phone are empty", "kimlik bilgisi yok: email, phone boş"),
        (
            "rule 2: as is empty or one of text, number, instant, not 'x'",
            "2. kural: as boş ya da şunlardan biri olmalı: text, number, instant; gelen: 'x'",
        ),
        (
            "trait 'bio' may have 4,096 bytes, not 5,002; trait 'not' may have 4,096 bytes, not 9,000",
            (
                "'bio' özelliği en fazla 4,096 bayt olabilir; gelen: 5,002; "
                "'not' özelliği en fazla 4,096 bayt olabilir; gelen: 9,000"
            ),
        ),
        (
            "Order Completed cannot be read: Expected `str`, got `int` - at `$.properties.coupon`",
            "Order Completed okunamıyor: `$.properties.coupon`: `str` beklenirken `int` geldi",
        ),
        ("%(name)s is 100% empty", None),
        ("ValueError: invalid literal (commerce/rules/reading.py:12)", None),
        ("expected " + "1" * reasons.MAX_LENGTH + " cells", None),
    ],
)
def test_reasons_in_turkish_and_in_english(text: str, turkish: str | None) -> None:
    with translation.override("tr"):
        assert reasons.told(text) == reasons.Told(turkish or text, is_translated=turkish is not None)
    with translation.override("en"):
        assert reasons.told(text) == reasons.Told(text, is_translated=True)
        assert reasons.shown(text) == text


def test_what_nobody_has_translated_is_marked_as_english_and_escaped() -> None:
    with translation.override("tr"):
        assert reasons.shown("<b> & co") == '<span lang="en">&lt;b&gt; &amp; co</span>'
        assert not hasattr(reasons.shown("expected <b> cells"), "__html__")


def test_what_json_cannot_be_is_said_in_the_words_of_its_reader() -> None:
    """The words are msgspec's: another version may choose others."""
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.json.decode(b'{"a": 1}', type=dict[str, str])
    with pytest.raises(msgspec.DecodeError) as malformed:
        msgspec.json.decode(b"{a}")
    with pytest.raises(msgspec.DecodeError) as cut:
        msgspec.json.decode(b"{")
    assert all(is_known(str(error.value)) for error in (wrong, malformed, cut))


def test_every_reason_has_a_template() -> None:
    every = {(place, text) for place, text in found() if text not in NOT_ON_PAGES_EITHER}
    assert len(every) > 150
    assert sorted(pair for pair in every if not is_known(pair[1])) == []


def test_reasons_are_known_without_their_values_too() -> None:
    """As reports of files count them."""
    every = {(place, failures.without_values(text)) for place, text in found() if text not in NOT_ON_PAGES_EITHER}
    assert sorted(pair for pair in every if not is_known(pair[1])) == []
