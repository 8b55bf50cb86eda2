"""Fuzz: mutated inputs over every reader, each answered by a result or one line of error, never anything else.

``python tests/trust/fuzz.py --cases 20000 --json runs/fuzz.json``. The targets stand in one table,
:data:`trust.targets.TARGETS`. Cases run in a process of their own that is watched: what ends it, keeps it busy for too
long or takes more than a gigabyte is a fault of the case, and the next process goes on behind it. The same seed gives
the same cases.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve()
if __package__ in (None, ""):
    sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]
    __package__ = "trust"

from trust.mutations import FOLDER, mutate  # noqa: E402

GIGABYTE = 2**30
SECONDS = 30  # of processor time for one case
SILENT = 300  # seconds by the clock without a word from the process, however busy the machine is
GOOD = ("result", "refused")


def plan(names: dict[str, float], cases: int, seed: int) -> list[tuple[str, int]]:
    """Target and number of each case: each target gets its share, in blocks, so that each is set up once."""
    total = sum(names.values())
    counts = {name: max(1, round(cases * weight / total)) for name, weight in names.items()}
    return [(name, number) for name, count in counts.items() for number in range(count)]


def write(folder: Path, files: dict[str, bytes | str]) -> None:
    """Write a case's files; a name that is in another's way gives way."""
    (folder / "in").mkdir(parents=True)
    for name, content in files.items():
        place = folder / "in" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is FOLDER or content == FOLDER:
            place.mkdir()
        else:
            place.write_bytes(content)


def peak(reset: bool = False) -> int:
    """The most memory this process has had since it was last asked to forget it, in bytes."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):  # another system
        return 0


def where(error: BaseException) -> str:
    """File and line of the package's last frame, or of the last one."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "optical_lite" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"


def one(target, name: str, number: int, seed: int, folder: Path) -> dict:
    """Run one case and say what came out."""
    from optical_lite.settings import InputError
    from trust.cases import Case, Wrong

    chance = random.Random(f"{seed} {name} {number}")
    files, said = mutate(target.files(), chance)
    case = Case(folder, chance, said)
    write(folder, files)
    before, kind, error = peak(reset=True), "result", ""
    place = ""
    try:
        target.run(case)
    except InputError as caught:
        kind, error = "refused", str(caught)
        if "\n" in error.strip() or len(error) > 2_000:
            kind, place = "long", where(caught)
    except Wrong as caught:
        kind, error, place = "wrong", str(caught), where(caught)
    except MemoryError as caught:
        kind, error, place = "memory", "MemoryError", where(caught)
    except Exception as caught:
        kind, error, place = "traceback", f"{type(caught).__name__}: {caught}"[:300], where(caught)
    grown = peak() - before
    if grown > GIGABYTE:
        kind, error = "memory", f"{grown / GIGABYTE:.1f} GB"
    size = sum(len(content) for content in files.values())
    return {"kind": kind, "error": error[:300], "place": place, "said": case.said, "size": size, "grown": grown}


def worker(args: argparse.Namespace) -> None:
    """Run the cases of a plan from one on; a line before and a line after each."""
    from trust.targets import register

    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    warnings.simplefilter("ignore")
    os.fsync = lambda opened: None  # waiting for the disk is most of the time, and no part of what is asked here
    targets = register()
    todo = json.loads(Path(args.plan).read_text())
    for at in range(args.start, len(todo)):
        name, number = todo[at]
        folder = Path(args.folder) / "a" / "b" / "c" / "case"
        shutil.rmtree(folder, ignore_errors=True)
        targets[name].files()  # set up outside of what is measured
        out.write(json.dumps({"begin": at}) + "\n")
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)  # its signal ends the process
        found = one(targets[name], name, number, args.seed, folder)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        out.write(json.dumps({"end": at, **found}) + "\n")


def watch(command: list[str], results: dict[int, dict]) -> int | None:
    """Read a worker's lines until it ends; the case that it did not end, if any."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=limits, env=surroundings())
    begun, rest = None, b""
    while True:
        ready, _, _ = select.select([process.stdout], [], [], SILENT)
        if not ready:
            process.kill()
        chunk = os.read(process.stdout.fileno(), 2**16)
        if not chunk:
            break
        *rows, rest = (rest + chunk).split(b"\n")
        for row in map(json.loads, rows):
            if "begin" in row:
                begun = row["begin"]
            else:
                results[row.pop("end")], begun = row, None
    code = process.wait()
    process.stdout.close()
    if begun is None:
        if code:
            raise RuntimeError(f"a worker ended with {code} outside of a case")
        return None
    hung = code in (-signal.SIGVTALRM, -signal.SIGKILL)
    said = signal.Signals(-code).name if code < 0 else f"exit {code}"
    results[begun] = {
        "kind": "hang" if hung else "crash",
        "error": said,
        "place": "",
        "said": [],
        "size": 0,
        "grown": 0,
    }
    return begun


def limits() -> None:
    """What a worker may take: a case far above a gigabyte must not take the machine with it."""
    resource.setrlimit(resource.RLIMIT_AS, (24 * GIGABYTE, 24 * GIGABYTE))
    resource.setrlimit(resource.RLIMIT_DATA, (6 * GIGABYTE, 6 * GIGABYTE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def surroundings() -> dict[str, str]:
    """Environment of a worker: no network, no home of a person, one thread."""
    offline = HERE.parents[1] / "offline"
    path = os.pathsep.join(map(str, (offline, HERE.parents[1], HERE.parents[2])))
    mine = {name: value for name, value in os.environ.items() if not name.startswith("OPTICAL_LITE_")}
    cache = tempfile.gettempdir() + "/optical_lite_fuzz_cache"
    return mine | {
        "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OPTICAL_LITE_CACHE": cache,
        "OPTICAL_LITE_PROFILE": "smoke",
    }  # fmt: skip


def fuzz(names: dict[str, float], cases: int, seed: int = 0) -> dict:
    """Counts by target and kind, and each kind of fault with its smallest case."""
    todo = plan(names, cases, seed)
    results: dict[int, dict] = {}
    with tempfile.TemporaryDirectory(prefix="optical_lite_fuzz_") as folder:
        place = Path(folder) / "plan.json"
        place.write_text(json.dumps(todo))
        start = 0
        while start < len(todo):
            command = [sys.executable, str(HERE), "--worker", "--plan", str(place), "--folder", folder]
            ended = watch([*command, "--start", str(start), "--seed", str(seed)], results)
            start = len(todo) if ended is None else ended + 1
    return summed(todo, results, seed)


def summed(todo: list, results: dict[int, dict], seed: int) -> dict:
    """Results as counts and faults."""
    counts: dict[str, Counter] = {}
    faults: dict[tuple, dict] = {}
    for at, found in sorted(results.items()):
        name, number = todo[at]
        counts.setdefault(name, Counter())[found["kind"]] += 1
        if found["kind"] in GOOD:
            continue
        key = (found["kind"], found["place"] or name, found["error"].split(":")[0])
        entry = {"target": name, "case": number, **{k: found[k] for k in ("kind", "error", "place", "said", "size")}}
        times = faults.get(key, {}).get("times", 0) + 1
        if key not in faults or (len(found["said"]), found["size"]) < (len(faults[key]["said"]), faults[key]["size"]):
            faults[key] = entry
        faults[key]["times"] = times
    total = sum(counts.values(), Counter())
    return {
        "seed": seed, "cases": len(results), "total": dict(total),
        "largest_growth": max(found["grown"] for found in results.values()),
        "targets": {name: dict(count) for name, count in counts.items()}, "faults": [*faults.values()],
    }  # fmt: skip


def keep(target: str, number: int, seed: int, folder: Path) -> list[str]:
    """Write the input of a case into a folder, to look at it or to run it by hand; what was done to it."""
    from trust.targets import register

    files, said = mutate(register()[target].files(), random.Random(f"{seed} {target} {number}"))
    write(folder, files)
    return said


def main() -> int:
    """Run the cases, print counts and faults; 1 when there is a fault."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--cases", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--targets", nargs="+", help="some targets (default: all)")
    options.add_argument("--json", help="write the counts here, too")
    options.add_argument("--keep", nargs=3, metavar=("TARGET", "CASE", "DIR"), help="write one case's input and stop")
    for name in ("--worker", "--plan", "--folder", "--start"):
        options.add_argument(name, **({"action": "store_true"} if name == "--worker" else {}), help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.worker:
        args.start = int(args.start)
        worker(args)
        return 0
    if args.keep:
        print(*keep(args.keep[0], int(args.keep[1]), args.seed, Path(args.keep[2])), sep="\n")
        return 0
    from trust.targets import register

    names = {name: target.weight for name, target in register().items() if not args.targets or name in args.targets}
    found = fuzz(names, args.cases, args.seed)
    for name, count in found["targets"].items():
        print(f"{name:18} " + "  ".join(f"{kind} {number}" for kind, number in sorted(count.items())))
    print(f"{found['cases']:,} cases: {found['total']}, most memory of one {found['largest_growth'] / 2**20:.0f} MB")
    for fault in sorted(found["faults"], key=lambda f: -f["times"]):
        print(f"{fault['kind']} x{fault['times']} {fault['place']} {fault['error'][:150]!r}")
        print(f"    {fault['target']} {fault['case']}: {fault['said']}")
    if args.json:
        Path(args.json).parent.mkdir(parents=True, exist_ok=True)
        Path(args.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return int(bool(found["faults"]))


if __name__ == "__main__":
    sys.exit(main())
