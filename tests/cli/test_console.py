"""Whatever stops a command is one line and an exit code; what it wrote is there all the same."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest

from optical_lite import __main__
from optical_lite.cli import check, console, run_files
from optical_lite.settings import InputError


def stopped(monkeypatch, capsys, error, *more):
    def stop():
        if callable(error):
            error()
        raise error

    monkeypatch.setattr(check, "command", stop)
    code = __main__.main(["check", *more])
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "Traceback" not in err
    return code, err


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InputError("x: got 1, expected 2"), 2, "error: x: got 1, expected 2\n"),
        (OSError(28, "No space left on device", "/a/b"), 2, "/a/b: got 'No space left on device', expected room"),
        (PermissionError(13, "Permission denied", "/a/b"), 2, "/a/b: got 'Permission denied', expected to use it"),
        (FileNotFoundError(2, "No such file or directory", "a", None, "b"), 2, "a -> b: got 'No such file"),
        (OSError("only words"), 2, "got 'only words'"),
        (MemoryError(), 2, "memory: got less"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 2, "memory: got less"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), 2, "memory: got less"),
        (RecursionError(), 2, "nested too deeply"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), 2, "surrogates not allowed"),
        (UnicodeError("label too long"), 2, "label too long"),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C"),
        (lambda: signal.raise_signal(signal.SIGINT), 130, "stopped by Ctrl-C"),
    ],
)
def test_what_stops_a_command_is_one_line(monkeypatch, capsys, error, code, text):
    found, err = stopped(monkeypatch, capsys, error)
    assert found == code
    assert text in err


@pytest.mark.parametrize("kind", [OSError, FileNotFoundError, InputError])
def test_a_line_of_any_kind_is_short(monkeypatch, capsys, kind):
    name = "a" * 5000
    error = InputError(name) if kind is InputError else kind(36, "File name too long", name)
    assert len(stopped(monkeypatch, capsys, error)[1]) < 800


def test_a_fault_of_the_code_keeps_its_traceback(monkeypatch, capsys):
    with pytest.raises(ZeroDivisionError):
        stopped(monkeypatch, capsys, ZeroDivisionError())
    with pytest.raises(RuntimeError, match="shapes"):
        stopped(monkeypatch, capsys, RuntimeError("shapes differ"))


def test_without_standard_error_nothing_of_it_is_said_elsewhere(monkeypatch, capsys):
    def stop():
        run_files.say("a line beside the results")
        raise InputError("x: got 1, expected 2")

    monkeypatch.setattr(sys, "stderr", None)
    assert console.guarded(stop) == 2
    assert capsys.readouterr().out == ""


def test_what_a_terminal_obeys_is_not_printed(capsys):
    def call():
        print("a \x1b[31m b\tc\n\u200d\x9b")
        run_files.say("\x1b[2J")
        raise OSError(2, "No such file", "\x1b]0;x")

    assert console.guarded(call) == 2
    assert capsys.readouterr() == (
        "a ?[31m b\tc\n\u200d?\n",
        "?[2J\nerror: \\x1b]0;x: got 'No such file', expected to use it; check path, kind and permissions\n",
    )


class Console(io.TextIOWrapper):
    """A console in some encoding."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "??? ? a"), ("cp1252", "??? ’ a"), ("utf-8", "पान ’ a")])
def test_a_console_that_lacks_letters(monkeypatch, encoding, shown):
    screen = Console(encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    assert console.guarded(lambda: print("पान ’ a") or 0) == 0
    assert screen.buffer.getvalue().decode(encoding) == shown + "\n"
    assert sys.stdout is screen


@pytest.mark.parametrize(("error", "code"), [(BrokenPipeError(32, "Broken pipe"), 141), (OSError(28, "No space"), 2)])
def test_an_output_that_cannot_be_written_loses_no_file(monkeypatch, capsys, tmp_path, error, code):
    class Closed(io.StringIO):
        def write(self, text):
            raise error

    monkeypatch.setattr(sys, "stdout", Closed())
    (tmp_path / "q").write_text("t 0 d 1\n")
    for name in "ab":
        (tmp_path / name).write_text(f"t Q0 d 1 1 {name}\n")
    monkeypatch.chdir(tmp_path)
    assert __main__.main(["significance", "a", "b", "--qrels", "q", "--json", "s.json"]) == code
    assert json.loads((tmp_path / "s.json").read_text())["topics"] == 1
    err = capsys.readouterr().err
    assert err == "" if code == 141 else "standard output: got 'No space', expected room on the disk" in err


def program(line, **options):
    command = [sys.executable, "-m", "optical_lite", *line.split()]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace", **options)


def test_as_a_program_in_a_console_of_another_encoding(tmp_path):
    (tmp_path / "c" / "qrels").mkdir(parents=True)
    (tmp_path / "c" / "corpus.jsonl").write_text('{"_id": "पान", "text": "maji"}\n', encoding="utf-8")
    (tmp_path / "c" / "queries.jsonl").write_text('{"_id": "q", "text": "maji"}\n', encoding="utf-8")
    (tmp_path / "c" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tपान\t1\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    line = "search --system bm25 --collection c --out पान.run --json x.json"
    found = program(line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("???.run: 1 questions, 1 lines")
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["run"] == "पान.run"
    with open("/dev/full", "w") as full:
        found = program("tables --list", stdout=full)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert "standard output: got 'No space left on device'" in found.stderr
    read, write = os.pipe()
    os.close(read)
    found = program("tables --list", stdout=write)
    os.close(write)
    assert (found.returncode, found.stderr) == (141, "")
