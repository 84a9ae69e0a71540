"""Lists as files."""

import csv
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice
from typing import Any, Final, cast

from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse

STREAMED_ROWS: Final = 1_000

# A spreadsheet takes a cell that begins so for a formula, and names come from strangers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_answer(name: str, *, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A CSV file `name.csv` to be saved, in UTF-8; texts that a spreadsheet would run are made harmless by a quote."""
    return HttpResponse(_written([heads, *rows]), headers=_headers(name))


def csv_stream(name: str, *, heads: Sequence[str], rows: Iterator[Sequence[Any]]) -> HttpResponse:
    """The same for a list of any length: `rows` are read in the request's own thread while the file is sent."""

    async def chunks() -> AsyncIterator[str]:
        yield _written([heads])
        # A plain iterator would be read to its end before the first byte leaves.
        while chunk := await sync_to_async(lambda: _written(islice(rows, STREAMED_ROWS)))():
            yield chunk

    # Django has two classes for one thing: what is done with an answer on its way out works on both.
    return cast("HttpResponse", StreamingHttpResponse(chunks(), headers=_headers(name)))


def _headers(name: str) -> dict[str, str]:
    return {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}.csv"',
    }


def _written(rows: Iterable[Sequence[Any]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
