"""The lowest and the newest versions that pyproject.toml allows, on two Pythons: ``make versions``.

For each Python and each end of the ranges: what ``uv`` resolves is installed into an environment of its own, and the
tests run there. The outcome, with the versions of what decides results, is written as JSON for ``page.py``. A
Python that this machine lacks is recorded as missing, never left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from optical_lite.json_files import write_json
from optical_lite.provenance import PACKAGES
from optical_lite.settings import ROOT

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from trust.page import FOUND, versions

PYTHONS, ENDS = ("3.11", "3.13"), {"lowest": "lowest-direct", "newest": "highest"}


def interpreter(version: str) -> str | None:
    """A Python of this version: on the path, or among pyenv's."""
    found = shutil.which(f"python{version}")
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(kept[-1]) if kept else found


def resolve(uv: str, version: str, end: str, torch: str | None, out: Path) -> None:
    """Write the pins of one end of all ranges; ``torch`` takes the place of its own (the newest CPU build at hand)."""
    wanted = ROOT / "pyproject.toml"
    line = [uv, "pip", "compile", str(wanted), "--extra", "test", "--extra", "notebooks", "-q", "-o", str(out)]
    line += ["--resolution", ENDS[end], "--python-version", version, "--only-binary", ":all:"]
    if torch:
        out.with_suffix(".torch").write_text(f"torch=={torch}\n")
        line += ["--constraint", str(out.with_suffix(".torch"))]
    subprocess.run(line, check=True)


def pins(text: str) -> dict[str, str]:
    """Versions of the packages that decide results, from lines ``name==version``.

    >>> pins("numpy==2.0.0\\n    # via pandas\\npot==0.9.7\\nyarl==1\\n")
    {'POT': '0.9.7', 'numpy': '2.0.0'}
    """
    found = dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))
    return {name: found[name.lower()] for name in PACKAGES if name.lower() in found}


def counts(report: Path) -> dict[str, int]:
    """Passed, failed and skipped tests of a JUnit report."""
    suite = ET.parse(report).getroot().find("testsuite")
    total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    return {"passed": total - failed - skipped, "failed": failed, "skipped": skipped}


def run(version: str, end: str, args: argparse.Namespace) -> dict:
    """Install one environment, run the tests in it, and say what came out."""
    row = {"python": version, "versions": end, "tests": f"`{args.tests}`"}
    python = interpreter(version)
    if not python:
        return {**row, "missing": f"no Python {version} on this machine"}
    place = args.folder / f"{version}-{end}"
    place.mkdir(parents=True, exist_ok=True)
    resolve(args.uv, version, end, args.torch if end == "newest" else args.torch_lowest, place / "requirements.txt")
    own = place / "environment"
    install = [args.uv, "pip", "install", "-q", "--python", str(own / "bin" / "python")]
    if not own.exists():
        subprocess.run([args.uv, "venv", "-q", "--python", python, str(own)], check=True)
    subprocess.run([*install, "-r", str(place / "requirements.txt")], check=True)
    subprocess.run([*install, "--no-deps", "-e", str(ROOT)], check=True)
    report = place / "report.xml"
    report.unlink(missing_ok=True)
    line = [str(own / "bin" / "python"), "-m", "pytest", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"]
    line += [*shlex.split(args.tests), f"--junitxml={report}"]
    subprocess.run(line, cwd=ROOT, env={**os.environ, "PYTHONPATH": ""})
    said = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    found = counts(report) if report.exists() else {"missing": "the tests did not start"}
    return {**row, "python": said, **found, "packages": pins((place / "requirements.txt").read_text())}


def main(arguments: list[str] | None = None) -> int:
    """Run all environments, or some; 1 when a test failed or a Python is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", nargs="+", default=PYTHONS, choices=PYTHONS)
    parser.add_argument("--end", nargs="+", default=[*ENDS], choices=[*ENDS])
    parser.add_argument("--uv", default=shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"))
    parser.add_argument("--torch", help="in place of the newest, such as the CPU build at hand")
    parser.add_argument("--torch-lowest", help="in place of the lowest")
    parser.add_argument("--tests", default="-m 'not locked'", help="arguments of pytest; the outcome says them")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "versions")
    parser.add_argument("--out", type=Path, default=FOUND / "versions.json")
    args = parser.parse_args(arguments)
    before = json.loads(args.out.read_text(encoding="utf-8")) if args.out.exists() else []
    made = {(row["python"][:4], row["versions"]): row for row in before}
    for version in args.python:
        for end in args.end:
            made[version, end] = run(version, end, args)
            write_json(args.out, [made[key] for key in sorted(made)])
    rows = [made[key] for key in sorted(made)]
    print(versions(rows))
    return int(any(row.get("missing") or row.get("failed") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
