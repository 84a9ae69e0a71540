"""All tests in two processes side by side: pages wait for their browser while the rest computes.

`python -m tests.side_by_side` takes the arguments of pytest; its last line is the sum of both closing lines.
"""

import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

# A browser leaves its event loop behind, in which nothing after it could run jobs: its pages come last.
HALVES = (["src", "tests/unit", "tests/stories", "tests/web"], ["tests/integration"])
_CLOSING = re.compile(r"^=* ?((?:\d+ [a-z]+,? ?)+) in [\d.]+s.*$", re.MULTILINE)


def main() -> int:
    """The exit code: that of the first half that failed, else 0."""
    started = time.monotonic()
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    halves = [
        subprocess.Popen([*pytest, *paths, *sys.argv[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for paths in HALVES
    ]
    with ThreadPoolExecutor() as pool:
        # The larger half is seen while it runs, the other one afterwards.
        first, second = (pool.submit(_read, half, is_shown=half is halves[-1]) for half in halves)
        texts = [second.result(), first.result()]
    sys.stdout.write(f"\n{texts[1]}\n{closing(texts, seconds=time.monotonic() - started)}\n")
    return next((code for half in halves if (code := half.wait())), 0)


def _read(half: subprocess.Popen[bytes], *, is_shown: bool) -> str:
    said = b""
    assert half.stdout is not None
    while chunk := half.stdout.read1():  # type: ignore[attr-defined]  # a pipe is buffered
        said += chunk
        if is_shown:
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
    return said.decode("utf-8", errors="replace")


def closing(texts: list[str], *, seconds: float) -> str:
    """One closing line for several runs; a run that has none counts as an error."""
    counts: Counter[str] = Counter()
    for text in texts:
        found = _CLOSING.findall(text)
        if not found:
            counts["errors"] += 1
            continue
        for count, word in re.findall(r"(\d+) ([a-z]+)", found[-1]):
            counts["errors" if word == "error" else word] += int(count)
    order = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors")
    said = ", ".join(f"{counts[word]} {word}" for word in order if counts[word])
    return f" {said} in {seconds:.2f}s ({int(seconds) // 60} min) ".center(80, "=")


if __name__ == "__main__":
    sys.exit(main())
