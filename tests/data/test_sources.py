import dataclasses
import hashlib
import os
import urllib.request
from pathlib import Path

import pytest

from optical_lite import settings
from optical_lite.datasets import sources
from optical_lite.settings import InputError


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A registry of one file, served from a local folder, with an empty cache and no mirror."""
    content = b"maji\twater\n"
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "x.tsv").write_bytes(content)
    source = sources.Source(
        "toy", "owner/name", "0" * 40, "x.tsv", len(content), hashlib.sha256(content).hexdigest(), "CC0 1.0"
    )
    monkeypatch.setattr(sources, "registry", lambda: {("toy", "x.tsv"): source})
    monkeypatch.setattr(sources, "ADDRESS", (tmp_path / "net").as_uri() + "/{path}")
    where = dataclasses.replace(settings.get(), cache=tmp_path / "cache", mirror=None)
    monkeypatch.setattr(sources, "get", lambda: where)
    return tmp_path


def test_download_is_verified_and_cached(served):
    assert sources.read_text("toy", "x.tsv") == "maji\twater\n"
    (served / "net" / "x.tsv").unlink()
    assert sources.read_text("toy", "x.tsv") == "maji\twater\n"  # now from the cache
    assert [Path(p).name for p in sources.fetch("toy")] == ["x.tsv"]


@pytest.mark.parametrize(
    ("content", "text"), [(b"maji", "got 4 bytes, expected 11"), (b"maji\tWATER\n", "changed content")]
)
def test_bad_download_is_refused_and_nothing_is_written(served, content, text):
    (served / "net" / "x.tsv").write_bytes(content)
    with pytest.raises(InputError, match=text):
        sources.read("toy", "x.tsv")
    assert not (served / "cache").exists()


def test_a_pipe_in_the_cache_does_not_wait(served):
    place = served / "cache" / "owner__name" / "x.tsv"
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    with pytest.raises(InputError, match=r"x\.tsv: got something that is no file"):
        sources.read("toy", "x.tsv")


def test_no_more_is_read_than_is_expected(served, monkeypatch):
    class Endless:
        read_ = 0

        def read(self, size):
            Endless.read_ += size
            return b"x" * size

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(sources, "_open", lambda address: Endless())
    with pytest.raises(InputError, match="changed content"):
        sources.read("toy", "x.tsv")
    assert Endless.read_ == 12
    assert not (served / "cache").exists()


def test_only_https_is_followed():
    request = urllib.request.Request("https://example.org/a")
    for address in ("http://example.org/a", "ftp://example.org/a", "file:///etc/passwd"):
        with pytest.raises(InputError, match="expected an https address"):
            sources._Https().redirect_request(request, None, 302, "", {}, address)
    followed = sources._Https().redirect_request(request, None, 302, "", {}, "https://example.org/b")
    assert followed.full_url == "https://example.org/b"
    assert all(source.address.startswith("https://") for source in sources.registry().values())


def test_tampered_cache_is_refused(served):
    sources.read("toy", "x.tsv")
    (served / "cache" / "owner__name" / "x.tsv").write_bytes(b"maji\tWATER\n")
    with pytest.raises(InputError, match="changed content"):
        sources.read("toy", "x.tsv")


def test_missing_file_names_the_mirror(served):
    (served / "net" / "x.tsv").unlink()
    with pytest.raises(InputError, match="OPTICAL_LITE_MIRROR"):
        sources.read("toy", "x.tsv")


def test_unknown_names():
    with pytest.raises(InputError, match=r"sources\.tsv"):
        sources.read("afriqa", "nothing.json")
    known = ", ".join(sorted({source.dataset for source in sources.registry().values()}))
    with pytest.raises(InputError, match=f"data set: got 'squad', expected one of {known}$"):
        sources.paths("squad")


TERMS = ("CC", "Apache-2.0", "MIT")


def test_registry_is_well_formed():
    for source in sources.registry().values():
        assert len(source.commit) == 40
        assert len(source.sha256) == 64
        assert source.bytes > 0
        # some gold alignments come without a stated licence: the table says so, and nothing of them is shipped
        got = f"data/sources.tsv, {source.dataset}: got the licence {source.licence!r}"
        expected = f"one that begins with {', '.join(TERMS)}, or says that it is unstated"
        assert source.licence.startswith(TERMS) or "unstated" in source.licence, f"{got}, expected {expected}"
