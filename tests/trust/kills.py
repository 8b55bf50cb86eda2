"""Kill every command before, in and after each of its file operations, and at random moments; run it again; compare.

``python tests/trust/kills.py [--short] [--json PATH] [--only CASE ...]``

A case runs in a fork of a warm process, in a folder that always has the same name, and is killed by SIGKILL. Then

- every file that has its final name is looked into (*corrupt* if it is not whole),
- the same case runs again (*refused* if it does not end well),
- all that it left is compared with a run that nobody killed, bit by bit but for times (*differs*),
- and nothing hidden may be left (*leftovers*).

Operations are found by wrapping what Python changes files with, so a new one is found without being named here. What
libraries in other languages write (safetensors, tokenizers) is reached by the random moments.
"""

from __future__ import annotations

import argparse
import builtins
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

OPERATIONS = ("mkdir", "replace", "rename", "unlink", "remove", "rmdir", "truncate", "open", "fsync", "chmod", "link",
              "symlink")  # fmt: skip
VOLATILE = {"seconds", "cpu_seconds", "pairs_per_second", "environment"}  # of a record: how long, where
FAULTS = ("corrupt", "refused", "differs", "leftovers")


class Killer:
    """Counts file operations below a folder, and ends the process before (0), after (1) or in the midst (2) of one."""

    def __init__(self, root: Path, number: int | None, phase: int) -> None:
        self.root, self.number, self.phase, self.names = str(root), number, phase, []

    def here(self, *arguments) -> bool:
        """Whether an operation concerns the folder; of an open file or a place in an open folder, it is assumed."""
        for one in arguments:
            if isinstance(one, int):
                return one > 2
            if isinstance(one, str | os.PathLike):
                return os.path.abspath(os.fspath(one)).startswith(self.root) or not os.path.isabs(os.fspath(one))
        return False

    def run(self, name: str, function: Callable, arguments: tuple, named: dict, half: Callable | None = None):
        """Do an operation, unless it is the last of this process."""
        mine = len(self.names) == self.number
        self.names.append(name)
        if mine and self.phase == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if mine and self.phase == 2 and half:
            half()
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return function(*arguments, **named)
        finally:  # also where it is refused, such as a folder that is there
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self) -> None:
        """Put the counter around everything that changes files."""
        for name in OPERATIONS:
            setattr(os, name, self._counted(getattr(os, name), name))
        plain = builtins.open

        def opened(file, mode="r", *arguments, **named):
            if not set(mode) & set("wax+") or not self.here(file):
                return plain(file, mode, *arguments, **named)
            return Written(self.run("open", plain, (file, mode, *arguments), named), self)

        builtins.open = io.open = opened

    def _counted(self, function: Callable, name: str) -> Callable:
        def counted(*arguments, **named):
            reads = name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if reads or not self.here(*arguments):
                return function(*arguments, **named)
            return self.run(name, function, arguments, named)

        return counted


class Written:
    """A file that is written to; half of a piece is on the disk when the process ends in the midst of it."""

    def __init__(self, file, killer: Killer) -> None:
        self._file, self._killer = file, killer

    def write(self, data):
        def half() -> None:
            part = data[: len(data) // 2] if isinstance(data, str) else memoryview(data).cast("B")[: len(data) // 2]
            self._file.write(part)
            self._file.flush()

        return self._killer.run("write", self._file.write, (data,), {}, half)

    def truncate(self, *size):
        return self._killer.run("truncate", self._file.truncate, size, {})

    def close(self) -> None:
        if not self._file.closed:
            self._killer.run("close", self._file.close, (), {})

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __iter__(self):
        return iter(self._file)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()


def fork(root: Path, act: Callable[[Path], None], number: int | None, phase: int, after: float | None = None) -> dict:
    """Run a case in a child process; how it ended, how long it took, how many operations it did."""
    note = root.with_name("note")
    sink = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    child = os.fork()
    if child == 0:
        os.dup2(sink, 1), os.dup2(sink, 2)
        killer = Killer(root, number, phase)
        code, began = 1, time.perf_counter()
        try:
            killer.wrap()
            act(root)
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        print(f"\noperations {time.perf_counter() - began} {' '.join(killer.names)}", flush=True)
        os._exit(code)
    os.close(sink)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    said = note.read_text(encoding="utf-8", errors="replace")
    words, found, done = said.rpartition("\noperations ")
    seconds, *names = done.split() if found else ["0"]
    return {"killed": os.WIFSIGNALED(status), "good": status == 0, "seconds": float(seconds),
            "operations": names, "said": (words or said)[-300:]}  # fmt: skip


def _lasting(value):
    """A record without times and places."""
    if isinstance(value, dict):
        return {key: _lasting(one) for key, one in value.items() if key not in VOLATILE}
    return [_lasting(one) for one in value] if isinstance(value, list) else value


def _plain(value):
    """A saved state as values that can be compared: tensors by their bytes."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "numpy"):
        return hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()
    return value


def _content(path: Path):
    """What a file says, whatever its kind; raises where it is not whole."""
    if path.suffix == ".json":
        return _lasting(json.loads(path.read_text(encoding="utf-8")))
    if path.name == "log.jsonl":
        return [_lasting(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".pt":
        import torch

        state = torch.load(path, weights_only=True)
        state.pop("log")  # it holds times
        return _plain(state)
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        load_file(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest(root: Path) -> dict[str, object]:
    """What every file of a folder says that has its final name."""
    places = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
    return {str(p): _content(root / p) for p in places if not any(part.startswith(".") for part in p.parts)}


def corrupt(root: Path, good: dict[str, object]) -> str:
    """The first file under its final name that is not whole, or holds what no finished or unfinished run holds."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if not path.is_file() or any(part.startswith(".") for part in name.parts) or path.suffix in (".f16", ".u4"):
            continue  # the vectors of the store are guarded by their sums: the run after this one shows it
        try:
            if path.name == "log.jsonl":  # its last line may be half; the next session cuts it off
                [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:-1]]
            elif (now := _content(path)) != good.get(str(name), now) and path.suffix not in (".json", ".pt"):
                return f"{name}: other content"  # a finished run lacks what it makes for a while: it must be whole
        except Exception as error:
            return f"{name}: {type(error).__name__}"
    return ""


def fresh(root: Path) -> None:
    """An empty folder of a name that does not change: some records hold it."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)


def kill(root: Path, act: Callable, good: dict, number: int | None, phase: int, after: float | None = None) -> dict:
    """Kill a case once, run it again, and say what is wrong then."""
    fresh(root)
    first = fork(root, act, number, phase, after)
    found = {"killed": first["killed"], "operation": number, "phase": phase, "after": after}
    if said := corrupt(root, good):
        found["corrupt"] = said
    again = fork(root, act, None, 0)
    if not again["good"]:
        return found | {"refused": again["said"]}
    left = [str(path.relative_to(root)) for path in root.rglob(".*")]
    if left:
        found["leftovers"] = left
    now = digest(root)
    if now != good:
        found["differs"] = sorted(name for name in now.keys() | good.keys() if now.get(name) != good.get(name))
    return found


def study(name: str, act: Callable, root: Path, most: int, moments: int, draw: random.Random) -> dict:
    """Kill a case at most so often at its operations, evenly spread, and at some random moments."""
    fresh(root)
    whole = fork(root, act, None, 0)
    if not whole["good"]:
        raise RuntimeError(f"{name} fails without a kill: {whole['said']}")
    good = digest(root)
    fresh(root)
    seconds = fork(root, act, None, 0)["seconds"]  # the first run pays for what is read from the disk once
    names = list(enumerate(whole["operations"]))
    points = [(number, phase) for number, operation in names if operation != "write" for phase in (0, 1)]
    pieces = [(number, 2) for number, operation in names if operation == "write"]  # the rest lies between them
    chosen = sorted(draw.sample(points, min(len(points), most - most // 5)))
    chosen += sorted(draw.sample(pieces, min(len(pieces), most // 5)))
    rows = [kill(root, act, good, number, phase) for number, phase in chosen]
    rows += [kill(root, act, good, None, 0, draw.uniform(0, 0.9 * seconds)) for _ in range(moments)]
    return {
        "operations": len(names), "points": len(points), "pieces": len(pieces), "tried": len(rows),
        "kills": sum(row["killed"] for row in rows), **{fault: sum(fault in row for row in rows) for fault in FAULTS},
        "faults": [row for row in rows if any(fault in row for fault in FAULTS)],
    }  # fmt: skip


def measure(short: bool = False, only: list[str] | None = None, seed: int = 0) -> dict:
    """All cases; the short form kills each a few times."""
    import kill_cases

    draw, began, found = random.Random(seed), time.perf_counter(), {}
    with tempfile.TemporaryDirectory(prefix="kills_") as folder:
        cases = kill_cases.warm(Path(folder))
        for name, (act, often) in cases.items():
            if not only or name in only:
                found[name] = study(name, act, Path(folder) / "case", *((2, 0) if short else (often, 4)), draw)
                row = found[name]
                print(f"{name:<14} {row['operations']:>4} operations, {row['kills']:>3} kills, "
                      + ", ".join(f"{row[fault]} {fault}" for fault in FAULTS), flush=True)  # fmt: skip
    total = {key: sum(row[key] for row in found.values()) for key in ("kills", "tried", *FAULTS)}
    return {"cases": found, "total": total, "seconds": round(time.perf_counter() - began, 1)}


def main() -> int:
    """Print a line a case and the sum; 1 where anything is wrong."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--short", action="store_true", help="two kills a case")
    options.add_argument("--json", metavar="PATH", help="also write the result")
    options.add_argument("--only", nargs="+", metavar="CASE")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    found = measure(given.short, given.only, given.seed)
    print(f"total {found['total']}, {found['seconds']} s")
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=2, default=str) + "\n", encoding="utf-8")
    return int(any(found["total"][fault] for fault in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
