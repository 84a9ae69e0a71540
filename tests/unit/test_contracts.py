"""The import contracts hold, and each of them catches a violation that is planted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLANTS = {
    "storeys": ("kernel/ids.py", "from sadakat.platform import settings"),
    "doors": ("commerce/apps.py", "from sadakat.customers import models"),
    "rooms": ("events/types/log.py", "from sadakat.events import models"),
    "hearth": ("events/types/log.py", "import django"),
    "cycles": ("kernel/errors.py", "from sadakat.kernel import money"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and the contracts, in a place where they may be broken."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignored)
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder / 'src'}:{folder}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_kept(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout
    assert "5 kept, 0 broken" in result.stdout


@pytest.mark.parametrize("contract", PLANTS)
def test_planted_violation_is_caught(copy: Path, contract: str) -> None:
    file, line = PLANTS[contract]
    module = copy / "src" / "sadakat" / file
    module.write_text(module.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")

    result = lint(copy)

    assert result.returncode == 1
    broken = [text for text in result.stdout.splitlines() if text.endswith("BROKEN")]
    expected = {
        "storeys": "Storeys",
        "doors": "Doors",
        "rooms": "Rooms",
        "hearth": "Hearth",
        "cycles": "No cycles",
    }
    assert any(text.startswith(expected[contract]) for text in broken), result.stdout
