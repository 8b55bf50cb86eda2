"""What a command writes overwrites nothing of its own: neither what it reads nor what else it writes."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from optical_lite import __main__, settings
from optical_lite.cli import main, options
from optical_lite.settings import ROOT

RUN = "t Q0 d 1 2 x\nt Q0 e 2 1 x\n"
LINES = [
    "search --collection data --lang en --system bm25 --out data/corpus.jsonl",
    "search --collection data --lang en --system bm25 --out x.run --json ./data/../data/qrels/test.tsv",
    "search --system encoder --collection data --lang en --model data --out data/model.safetensors",
    "evaluate --run data --collection pocket --lang sw --json data/new/config.json",
    "convert --format trec --collection data --lang en --to trec --out data/documents/new",
    "convert --collection pocket --lang sw --to trec --out new --json new/documents/r.json",
    "export --run data --to pylate --out data/student",
    "train --bitext pairs.tsv --lang xx --out run --json run/config.json",
    "fuse a.run b.run --out same --json same",
    "fuse a.run b.run --out a.run",
    "fuse a.run b.run --out link",
    "fuse a.run b.run --out ./new/../same --json same",
    "search --collection pocket --lang sw --system bm25 --out u.run --json u.run",
    "evaluate --trec-run a.run --qrels b.run --json a.run",
    "significance a.run b.run --qrels q --json b.run",
    "align --tsv pairs.tsv --pharaoh pairs.tsv",
    "align maji water --svg x.svg --json x.svg",
    "train --bitext pairs.tsv --out run --json pairs.tsv",
    "convert --collection pocket --lang sw --to beir --out new --json new",
    "demo --out run --json run/config.json",
]
# where an output is what a command reads or fills unsaid; ROOT is the kit's own folder
UNSAID = [
    "search --system bm25 --collection pocket --lang sw --out ROOT/data/pocket/qrels.tsv",
    "convert --collection pocket --lang sw --to beir --out new --json ROOT/data/pocket/passages.jsonl",
    "fuse a.run b.run --out ROOT/data/new.run",
    "train --bitext pairs.tsv --out ROOT/data",
    "tables --table demo --json ROOT/data/tables/demo.toml",
    "tables --write --json ROOT/docs/answer.md",
    "tables --list --json ROOT/README.md",
    "tables --run --json ROOT/runs/grid/x.json",
    "tables --run --json ROOT/runs/records/clir/afriqa_sw/bm25_0.json",
    "tables --fold --json ROOT/runs/records",
    "tables --run --records ROOT/data/expected",
    "tables --run --records new --json new/clir/x.json",
    "demo --json ROOT/runs/demo_pocket_sw/config.json",
    "demo --lang som --model multilingual --json ROOT/runs/demo_pocket_so_multilingual/config.json",
    "demo --json ROOT/figures/demo_sw_plan.svg",
    "evaluate --run encoder --format qadsm --collection x.test --json x.dev",
    "evaluate --run encoder --format qam --collection ./x.test --json new/../x.dev",
    "search --system bm25 --collection afriqa --lang sw --out mirror/masakhane-io__afriqa/data/q.json",
    "search --format trec --collection linked --lang en --system bm25 --out real/qrels.txt",
    "search --format trec --collection linked --lang en --system bm25 --out real/documents/x.run",
    "search --format trec --collection linked --lang en --system bm25 --out far/x.run",
]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.run", "b.run", "q", "pairs.tsv"):
        (tmp_path / name).write_text(RUN)
    (tmp_path / "link").symlink_to("b.run")
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_one_path_for_two_things_is_refused(place, capsys, line):
    assert __main__.main(line.split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "got one path " in error
    assert not any((place / "data").iterdir())
    assert {path.name: path.read_text() for path in place.iterdir() if path.is_file()} == dict.fromkeys(
        ("a.run", "b.run", "q", "pairs.tsv", "link"), RUN
    )


@pytest.mark.parametrize("line", UNSAID)
def test_what_is_read_or_filled_unsaid_is_not_written(place, capsys, monkeypatch, line):
    for name in ("real/documents", "linked", "far", "mirror/masakhane-io__afriqa"):
        (place / name).mkdir(parents=True)
    for link, to in (("linked/qrels.txt", "../real/qrels.txt"), ("linked/documents", "../real/documents"),
                     ("real/documents/more", "../../far"), ("far/round", "../linked")):  # fmt: skip
        (place / link).symlink_to(to)
    for name in ("real/qrels.txt", "x.test", "x.dev"):
        (place / name).write_text(RUN)
    monkeypatch.setattr(options, "get", lambda: replace(settings.get(), mirror=place / "mirror"))
    monkeypatch.setattr(main, "importlib", None)  # it is refused before the command's file is imported
    assert __main__.main(line.replace("ROOT", str(ROOT)).split()) == 2
    error = capsys.readouterr().err
    assert (error.count("\n"), "got one path " in error) == (1, True), error


def test_a_link_beside_what_is_written_is_no_matter(place):
    (place / "data" / "link").symlink_to("../a.run")
    assert __main__.main(["fuse", "a.run", "b.run", "--out", "data/new.run"]) == 0


def test_other_paths_and_nowhere_are_not():
    assert __main__.main(["fuse", "a.run", "b.run", "--out", "/dev/null", "--json", "/dev/null"]) == 0
    assert __main__.main(["fuse", "a.run", "a.run", "--out", "a.out", "--json", "a.json"]) == 0


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "spoken", "f.run"])
def test_a_run_is_not_written_where_the_shell_writes_the_summary(place, name):
    (place / "spoken").symlink_to("/dev/stdout")
    line = [sys.executable, "-m", "optical_lite", *["fuse", "a.run", "b.run", "--out", name]]
    with open(place / "f.run", "w") as file:
        found = subprocess.run(line, stdout=file, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert "name another file" in found.stderr
    if name != "f.run":
        found = subprocess.run(line, capture_output=True, text=True, env=os.environ)
        assert found.stdout.startswith("t Q0 d 1 1.0 fused\n")


def test_a_file_of_the_shell_that_nothing_else_goes_to_is_written(place):
    line = f"exec {sys.executable} -m optical_lite fuse a.run b.run --out /dev/fd/3 3> x.run >&-"
    assert subprocess.run(["/bin/sh", "-c", line], env=os.environ).returncode == 0
    assert (place / "x.run").read_text().startswith("t Q0 d 1 1.0 fused\n")


@pytest.mark.parametrize(
    "line",
    [
        "search --collection / --lang en --system bm25 --out x.run",
        "search --format trec --collection / --lang en --system bm25 --out x.run",
        "search --collection pocket --lang sw --system encoder --model / --out x.run",
        "export --run / --to pylate --out new",
        "search --format trec --collection data --documents / --lang en --system bm25 --out x.run",
    ],
)
def test_what_reads_a_folder_says_what_it_lacks_not_what_lies_deep_in_it(capsys, line):
    begun = time.monotonic()
    assert __main__.main(line.split()) == 2
    assert time.monotonic() - begun < 10
    error = capsys.readouterr().err
    assert (error.count("\n"), "/proc" in error) == (1, False), error


def test_what_may_not_be_looked_into_hides_no_link_beside_it(place, capsys, monkeypatch):
    for name in ("data/closed", "far"):
        (place / name).mkdir()
    (place / "data" / "more").symlink_to("../far")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    line = "search --collection data --lang en --system bm25 --out far/x.run"
    assert __main__.main(line.split()) == 2
    assert "got one path " in capsys.readouterr().err


def test_a_device_without_room_is_named(capsys):
    assert __main__.main(["fuse", "a.run", "b.run", "--out", "x.run", "--json", "/dev/full"]) == 2
    assert "error: /dev/full: got no room (No space left on device)" in capsys.readouterr().err
