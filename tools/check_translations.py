"""Refuses a text without good Turkish: `python -m tools.check_translations`."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo

from tools import messages

_PLACEHOLDER: Final = re.compile(r"%\([a-z_0-9]+\)[sd]|\{[a-z_0-9]*\}|%[sd]")


def _placeholders(text: str) -> Counter[str]:
    return Counter(_PLACEHOLDER.findall(text))


def _fault_of(message: Message) -> str:
    """What is wrong with a message's Turkish; empty when nothing is."""
    texts, translations = messages.forms(message.id), messages.forms(message.string)
    if len(translations) != len(texts) or not all(translations):
        return "has no Turkish"
    if message.fuzzy:
        return "is marked fuzzy: read it and take the mark away"
    # English may leave the number out for one thing (“a day”), so either form may be the model.
    allowed = [_placeholders(text) for text in texts]
    if any(_placeholders(translation) not in allowed for translation in translations):
        return "has other placeholders than its Turkish"
    return ""


def faults(said: Catalog, kept: Catalog, compiled: Catalog) -> Iterator[str]:
    """One sentence for each text of which the catalogues do not tell good Turkish."""
    for message in said:
        if not message.id:
            continue
        found = kept.get(message.id, context=message.context)
        problem = _fault_of(found) if found else "is not in the catalogue: run `make messages`"
        if problem:
            yield f"{message.locations[0][0]}: {messages.forms(message.id)[0]!r} {problem}"
    for message in kept:
        if message.id and said.get(message.id, context=message.context) is None:
            yield f"{messages.forms(message.id)[0]!r} is said nowhere any more: run `make messages`"
    if _words(kept) != _words(compiled):
        yield "the compiled catalogue is out of date: run `make messages`"


def _words(catalogue: Catalog) -> dict[tuple[str, str | None], list[str]]:
    """Every translated text; an untranslated one is left out of a compiled catalogue."""
    return {
        (messages.forms(m.id)[0], _context(m)): messages.forms(m.string)
        for m in catalogue
        if m.id and any(messages.forms(m.string))
    }


def _context(message: Message) -> str | None:
    # Babel hands out the context of a compiled message undecoded.
    context: str | bytes | None = message.context
    return context.decode() if isinstance(context, bytes) else context


def compiled(path: Path = messages.CATALOGUE) -> Catalog:
    """The compiled catalogue beside `path`; an empty one where there is none."""
    path = path.with_suffix(".mo")
    if not path.exists():
        return messages.empty_catalogue()
    with path.open("rb") as file:
        return read_mo(file)


def main() -> int:
    """Prints what is wrong; 1 when anything is."""
    found = list(faults(messages.collected(), messages.known(), compiled()))
    for fault in found:
        sys.stdout.write(f"{fault}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
