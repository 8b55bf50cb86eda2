"""The tables of ``docs/reliability.md`` from what the long measurements found: ``make trust`` runs all and writes them.

``python tests/trust/page.py`` writes the page alone. What has not been measured yet is said to be so.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from optical_lite.settings import ROOT
from optical_lite.study.markup import markdown, replace_block

FOUND = ROOT / "data" / "expected" / "reliability"
PAGE = ROOT / "docs" / "reliability.md"
MISSING = "Not measured yet."
FAULTS = ("corrupt", "refused", "differs", "leftovers")


def kills(found: dict) -> str:
    """A line a command, and the sum."""
    lines = {**found["cases"], "all": found["total"]}
    lines["all"] = {**lines["all"], "operations": sum(row["operations"] for row in found["cases"].values())}
    rows = [(name, *(f"{row[key]:,}" for key in ("operations", "kills", *FAULTS))) for name, row in lines.items()]
    return markdown(("command", "file operations", "kills", *FAULTS), rows)


def fuzz(found: dict) -> str:
    """How the cases ended."""
    total = found["total"]
    good = total["result"] + total["refused"]
    rows = [
        ("readers and other targets", len(found["targets"])),
        ("cases", found["cases"]),
        ("... with a result", total["result"]),
        ("... refused in one line", total["refused"]),
        ("... that ended otherwise", found["cases"] - good),
        ("most memory that one case took, MB", round(found["largest_growth"] / 2**20)),
    ]
    return markdown(("", "count"), [(said, f"{number:,}") for said, number in rows])


def mutants(found: dict) -> str:
    """A line a module: how many mutants were tried, and how many of them the tests noticed."""
    sums = {"mutants": 0, "survived": 0}
    rows = []
    for name, row in found.items():
        rows.append((name, f"{row['share']:.0%}", f"{row['mutants']:,}", f"{row['killed']:.1%}"))
        sums = {key: sums[key] + row[key] for key in sums}
    rows.append(("all", "", f"{sums['mutants']:,}", f"{1 - sums['survived'] / sums['mutants']:.1%}"))
    return markdown(("module", "share of its mutants tried", "mutants", "noticed"), rows)


def versions(found: list[dict]) -> str:
    """A line an environment: what it held, and the outcome of its tests; then which these were."""
    lines, ran = [], {}
    for row in found:
        ran.setdefault(row["tests"], []).append(f"{row['python']} {row['versions']}")
        counts = ", ".join(f"{row[key]:,} {key}" for key in ("passed", "failed", "skipped") if key in row)
        held = ", ".join(f"{name} {version}" for name, version in row.get("packages", {}).items())
        lines.append((row["python"], row["versions"], held, row.get("missing") or counts))
    said = "\n\n".join(f"Tests of {', '.join(where)}: {tests}" for tests, where in ran.items())
    return markdown(("Python", "end of the ranges", "versions", "outcome"), lines) + f"\n\n{said}"


TABLES: dict[str, Callable] = {"kills": kills, "fuzz": fuzz, "mutants": mutants, "versions": versions}


def page() -> str:
    """The page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        place = FOUND / f"{name}.json"
        shown = table(json.loads(place.read_text(encoding="utf-8"))) if place.exists() else MISSING
        text = replace_block(text, name, shown, PAGE.name)
    return text


def promised() -> list[str]:
    """Tests that the page names: a file, or a file and a function."""
    return re.findall(r"`(tests/[^`]+\.py(?:::\w+)?)`", PAGE.read_text(encoding="utf-8"))


def measure() -> int:
    """Run every long measurement; the exit codes' sum."""
    codes = 0
    for name, *options in (("kills",), ("fuzz", "--cases", "20400"), ("mutants", "--share", "0.2")):
        script, out = Path(__file__).with_name(f"{name}.py"), FOUND / f"{name}.json"
        codes += subprocess.run([sys.executable, str(script), "--json", str(out), *options]).returncode
    return codes


if __name__ == "__main__":
    code = measure() if "--measure" in sys.argv else 0
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit(code)
