"""The kill harness: a short form over all commands, and a careless command that it must find fault with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each case is a fork")
HERE = Path(__file__).parent
CARELESS = """
import json, random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import kills

def careless(root):
    (root / "out").mkdir()
    part = root / ".a.json.part"
    part.write_text('{"a": 1}')
    part.rename(root / "a.json")
    (root / "b.json").write_text('{"b": 1}')

def careful(root):
    part = root / ".a.json.part"
    part.write_text('{"a": 1}')
    part.replace(root / "a.json")

def forgetful(root):
    part = root / f".a.{random.SystemRandom().random()}.part"
    part.write_text('{"a": 1}')
    part.replace(root / "a.json")

def fickle(root):
    place = root / "a.json"
    if not place.exists():
        place.write_text('{"a": [1]}')
    else:
        place.write_text('{"a": [2]}')

cases = {one.__name__: one for one in (careless, careful, forgetful, fickle)}
print(json.dumps({name: kills.study(name, one, Path(sys.argv[2]) / "case", 99, 0, random.Random(0))
                  for name, one in cases.items()}))
"""


def test_careless_commands_are_found(tmp_path):
    line = [sys.executable, "-c", CARELESS, str(HERE), str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    found = {name: {fault for fault in ("corrupt", "refused", "differs", "leftovers") if row[fault]}
             for name, row in json.loads(done.stdout).items()}  # fmt: skip
    assert found == {
        "careless": {"corrupt", "refused"}, "careful": set(), "forgetful": {"leftovers"},
        "fickle": {"corrupt", "differs"},
    }  # fmt: skip


def test_no_kill_loses_anything(tmp_path):
    """Two kills of each command; ``python tests/trust/kills.py`` does hundreds."""
    line = [sys.executable, str(HERE / "kills.py"), "--short", "--json", str(tmp_path / "found.json")]
    done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert set(found["cases"]) == {
        "train", "teacher", "paper", "index", "cached index", "store", "download", "convert", "align", "grid",
        "demo",
    }  # fmt: skip
    assert all(row["kills"] for row in found["cases"].values())
    assert not any(found["total"][fault] for fault in ("corrupt", "refused", "differs", "leftovers"))
