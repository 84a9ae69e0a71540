"""Lists as files."""

import csv

from sadakat.platform.ui import export


def test_a_cell_that_a_spreadsheet_would_run_becomes_harmless() -> None:
    answer = export.csv_answer("names", heads=["name", "points"], rows=[["=1+1", -5], ["+90 532", None], ["Işıl", 2]])

    assert answer["Content-Disposition"] == 'attachment; filename="names.csv"'
    assert list(csv.reader(answer.content.decode().splitlines())) == [
        ["name", "points"],
        ["'=1+1", "-5"],
        ["'+90 532", ""],
        ["Işıl", "2"],
    ]
