"""The sum of two runs."""

from tests.side_by_side import closing

ONE = "....\nFAILED x\n====== 1 failed, 1580 passed, 1 skipped in 1009.89s (0:16:49) ======\n"
OTHER = "..\n=== 20 passed, 2 errors in 3.10s ===\n"


def test_closing_lines_are_summed() -> None:
    assert closing([ONE, OTHER], seconds=1010.5).strip("= ") == (
        "1 failed, 1600 passed, 1 skipped, 2 errors in 1010.50s (16 min)"
    )


def test_a_run_that_never_closed_is_an_error() -> None:
    assert "1600" not in closing(["Killed\n", OTHER], seconds=1.0)
    assert "3 errors" in closing(["Killed\n", OTHER], seconds=1.0)
