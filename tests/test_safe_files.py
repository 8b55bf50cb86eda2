"""Files that appear whole or not at all, on a full disk too, and what the dead leave behind."""

import errno
import json
import math
import os
import re
import resource
import signal
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optical_lite import json_files, safe_files
from optical_lite.json_files import write_json
from optical_lite.safe_files import clear, hold, into, making, new_folder, write_atomic
from optical_lite.settings import InputError

HOLDS = """
import sys, time
from optical_lite import safe_files
with getattr(safe_files, sys.argv[1])(sys.argv[2]) as place:
    if sys.argv[1] == "making":
        place.write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(request):
    """A function that starts another process in a block of safe_files, which a signal ends."""
    started = []

    def start(name, path):
        process = subprocess.Popen([sys.executable, "-c", HOLDS, name, str(path)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def small_files():
    """No file may grow beyond 10,000 bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_the_old_file_stays_when_writing_fails(tmp_path, monkeypatch, where):
    path = write_atomic(tmp_path / "deep" / "x.txt", "old")

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(safe_files.os, where, fail)
    with pytest.raises(InputError, match=r"x\.txt: got 'Input/output error' from the system"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["deep", "x.txt"]


def test_a_full_disk_is_one_line_and_the_old_file_is_whole(tmp_path, small_files):
    path = write_atomic(tmp_path / "x.txt", "old")
    with pytest.raises(
        InputError, match=r"x\.txt: got no room \(File too large\), expected enough on the disk"
    ) as error:
        write_atomic(path, "x" * 20_000)
    assert "\n" not in str(error.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


@pytest.mark.parametrize("kind", ["torch", "safetensors", "text"])
def test_whatever_writes_a_full_disk_is_one_line(tmp_path, small_files, kind):
    import torch
    from safetensors.torch import save_file

    value = torch.zeros(9_000)
    with pytest.raises(InputError, match="got no room"), making(tmp_path / "new") as part:  # noqa: PT012
        if kind == "torch":
            with open(part, "wb") as file:
                torch.save(value, file)
        elif kind == "safetensors":
            save_file({"x": value}, part)
        else:
            part.write_text("x" * 20_000)
    assert names(tmp_path) == []


def test_what_was_to_be_in_a_folder_is_called_by_its_name(tmp_path, small_files):
    with pytest.raises(InputError, match="student: got no room"), new_folder(tmp_path / "student") as part, \
            into(part) as inner:  # fmt: skip
        (inner / "weights").write_bytes(bytes(20_000))
    assert names(tmp_path) == []


def test_other_errors_in_the_block_are_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(FileNotFoundError), making(tmp_path / "x") as part:
        (part.parent / "nothing").read_text()
    with pytest.raises(KeyboardInterrupt), making(tmp_path / "x", folder=True) as part:  # noqa: PT012
        (part / "half").write_text("half")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_what_a_killed_process_left_is_cleared_by_the_next_and_only_then(tmp_path, other):
    path = write_atomic(tmp_path / "x.run", "old")
    living, dead = other("making", path), other("making", path)
    write_atomic(tmp_path / "x", "a name that the other begins with")
    write_atomic(path, "new")
    assert len(names(tmp_path)) == 4  # both are still at it
    assert clear(path.parent, path.name)
    for process in (living, dead):
        process.send_signal(signal.SIGKILL)
        process.wait()
    write_atomic(path, "newer")
    assert names(tmp_path) == ["x", "x.run"]
    assert path.read_text() == "newer"


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_a_folder_that_another_process_makes_or_holds_is_refused(tmp_path, other):
    making_it, holding_it = other("new_folder", tmp_path / "index"), other("hold", tmp_path / "run")
    with pytest.raises(InputError, match="index: got a folder that another process is making"), \
            new_folder(tmp_path / "index"):  # fmt: skip
        pass
    with (
        pytest.raises(InputError, match="run: got a folder that another process is writing to"),
        hold(tmp_path / "run"),
    ):
        pass
    for process in (making_it, holding_it):
        process.send_signal(signal.SIGKILL)
        process.wait()
    with hold(tmp_path / "run"), new_folder(tmp_path / "index") as part:
        (part / "a").write_text("a")
    with hold(tmp_path / "run"):  # twice, one after the other
        pass
    assert names(tmp_path) == ["a", "index", "run"]


def test_a_new_folder_appears_whole_and_replaces_nothing(tmp_path):
    with new_folder(tmp_path / "deep" / "index") as part:
        (part / "a").write_text("a")
        assert not (tmp_path / "deep" / "index").exists()
    with pytest.raises(InputError, match="got a path that exists"), new_folder(tmp_path / "deep" / "index"):
        pass
    with pytest.raises(InputError, match="b: got 'Directory not empty'"), new_folder(tmp_path / "b") as part:  # noqa: PT012
        (part / "a").write_text("mine")
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "a").write_text("of another, who was quicker")
    assert (tmp_path / "b" / "a").read_text() == "of another, who was quicker"
    assert names(tmp_path) == ["a", "a", "b", "deep", "index"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    usual = tmp_path / "usual"
    usual.write_text("x")
    with new_folder(tmp_path / "model") as part:
        (part / "weights").write_text("x")
        (part / "weights").chmod(0o600)
    write_atomic(tmp_path / "file", "x")
    with making(tmp_path / "one") as part:
        part.unlink()  # as safetensors makes a file anew
        part.write_text("x")
        part.chmod(0o600)
    for path in (tmp_path / "model" / "weights", tmp_path / "file", tmp_path / "one"):
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_files_go_into_a_folder_that_holds_others(tmp_path):
    (tmp_path / "log").write_text("log")
    (tmp_path / "a").write_text("old")
    with pytest.raises(ZeroDivisionError), into(tmp_path) as part:  # noqa: PT012
        (part / "a").write_text("new")
        raise ZeroDivisionError
    assert (tmp_path / "a").read_text() == "old"
    with into(tmp_path) as part:
        (part / "a").write_text("new")
        (part / "b").write_text("new")
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path) == ["a", "b", "log"]


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path):
    write_atomic(tmp_path / "far" / "x", "old")
    (tmp_path / "link").symlink_to(tmp_path / "far" / "x")
    write_json(tmp_path / "link", {"a": 1})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "x").read_text() == '{\n  "a": 1\n}\n'
    write_atomic("/dev/null", "nowhere")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_what_cannot_be_a_file_is_one_line(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="folder: got 'Is a directory'"):
        write_atomic(tmp_path / "folder", "x")
    with pytest.raises(InputError, match="file/x: got 'File exists'"):
        write_atomic(tmp_path / "file" / "x", "x")
    with pytest.raises(InputError, match="file: got 'File exists'"), hold(tmp_path / "file"):
        pass
    assert names(tmp_path) == ["file", "folder"]


def test_a_folder_is_swept_of_the_dead_alone(tmp_path):
    (tmp_path / ".log.0123abcd.part").write_text("half")
    (tmp_path / ".student.0123abcd.part").mkdir()
    (tmp_path / ".mine.part").write_text("not ours")
    with making(tmp_path / "living") as part:
        clear(tmp_path)
        assert part.exists()
    assert names(tmp_path) == [".mine.part", "living"]


def test_room_is_asked_for_before_work(tmp_path, small_files):
    with pytest.raises(InputError, match="new: got no room"), making(tmp_path / "new") as part, \
            open(part, "wb") as file:  # fmt: skip
        safe_files.reserve(file, 20_000)
    assert names(tmp_path) == []


def no_json(word):
    raise AssertionError(f"{word} is not JSON")


HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # two escapes in a row are one character
TEXTS = st.text(st.characters(exclude_categories=())).filter(lambda text: not HALVES.search(text))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


def test_what_is_nested_too_deep_is_not_written():
    value = []
    for _ in range(480):
        value = [value]
    with pytest.raises(InputError, match="JSON: got what is nested too deep, expected at most 100 levels"):
        json_files.to_json({"key": value})


@given(VALUES)
def test_any_value_is_written_as_strict_json_and_reads_back(tmp_path_factory, value):
    place = tmp_path_factory.getbasetemp() / "any.json"
    found = json.loads(json_files.write_json(place, value).read_bytes().decode(), parse_constant=no_json)

    def same(ours, theirs):
        if isinstance(ours, float) and not math.isfinite(ours):
            return isinstance(theirs, str) and repr(float(theirs)) == repr(ours)
        if isinstance(ours, list):
            return len(ours) == len(theirs) and all(map(same, ours, theirs))
        if isinstance(ours, dict):
            return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
        return type(ours) is type(theirs) and ours == theirs

    assert same(value, found)


def test_half_a_character_is_refused_where_there_is_no_escape(tmp_path):
    place = safe_files.write_atomic(tmp_path / "a.txt", "old")
    with pytest.raises(InputError, match=r"got half a character in 'ab\\ud800'"):
        safe_files.write_atomic(place, "ab\ud800c")
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_value_nested_too_deep_to_be_shown_is_one_line():
    value = deep = {}
    for _ in range(200_000):  # some Pythons show thousands
        deep["a"] = deep = {}
    with pytest.raises(InputError, match="got 'what is nested too deep' as the record, expected a list"):
        json_files.fits(value, [str], "toy")


@pytest.mark.parametrize("shape", [float, (int, float), object])
def test_a_number_that_no_float_holds_is_refused(shape):
    json_files.fits({"a": 1e308}, {"a": shape}, "toy")
    long = 16**9999, "'a number of thousands of digits'"  # TOML has it as 0x1000...
    for value, said in (10**309, "'1000"), (-(10**309), "'-1000"), long, (math.nan, "'nan'"), (-math.inf, "'-inf'"):
        with pytest.raises(InputError, match=f"toy: got {said}.* as a"):
            json_files.fits({"a": value}, {"a": shape}, "toy")
