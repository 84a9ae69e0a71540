"""What a process carries from its start: the heavy libraries come when they are first needed."""

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from sadakat.config import boot
boot.set_up_django()
from sadakat.config import wiring
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_wiring_brings_no_engine_and_no_statistics() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    loaded = set(json.loads(done.stdout))
    assert "sadakat" in loaded
    assert loaded & {"adbc_driver_postgresql", "duckdb", "ibis", "scipy", "sklearn", "typst"} == set()
