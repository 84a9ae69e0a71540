"""`python -m sadakat.entry` is the command `sadakat`."""

from sadakat.entry.cli import main

main()
