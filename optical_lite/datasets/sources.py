"""Sources: where real data lives, how its bytes are checked, and how they get here.

``data/sources.tsv`` lists every file at a pinned commit with its size, sha256 and licence. The
mirror (``OPTICAL_LITE_MIRROR``) is laid out ``<owner>__<name>/<path>``.
"""

from __future__ import annotations

import csv
import functools
import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from ..provenance import sha256
from ..safe_files import regular, write_atomic
from ..settings import DATA, InputError, get, one_of

ADDRESS = "https://raw.githubusercontent.com/{repo}/{commit}/{path}"
TIMEOUT = 60  # seconds without a byte


class OutOfReach(InputError):
    """A file that is not here and cannot be fetched."""


@dataclass(frozen=True)
class Source:
    """One file at one commit."""

    dataset: str
    repo: str
    commit: str
    path: str
    bytes: int
    sha256: str
    licence: str

    @property
    def local(self) -> str:
        """Path below a mirror or cache folder."""
        return f"{self.repo.replace('/', '__')}/{self.path}"

    @property
    def address(self) -> str:
        """Download address."""
        path = urllib.parse.quote(self.path)
        return ADDRESS.format(repo=self.repo, commit=self.commit, path=path)


@functools.cache
def registry() -> dict[tuple[str, str], Source]:
    """All known files, keyed by (dataset, path)."""
    with open(regular(DATA / "sources.tsv"), encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        found = [Source(**{**row, "bytes": int(row["bytes"])}) for row in rows]
    return {(source.dataset, source.path): source for source in found}


def _verify(content: bytes, source: Source, place: str) -> bytes:
    if len(content) < source.bytes:
        expected = f"{source.bytes:,} (cut short); delete it and fetch again"
        raise InputError(place, f"{len(content):,} bytes", expected)
    if (found := sha256(content)) != source.sha256:
        mend = f"restore the file of {source.repo} at commit {source.commit[:12]}"
        expected = f"{source.sha256[:12]}... (changed content); {mend}"
        raise InputError(place, f"sha256 {found[:12]}...", expected)
    return content


class _Https(urllib.request.HTTPRedirectHandler):
    """Follows a server to another address only by https."""

    def redirect_request(self, request, file, code, message, headers, address):
        if not address.startswith("https://"):
            expected = "an https address; try again later"
            raise InputError(request.full_url, f"sent to {address!r}", expected)
        return super().redirect_request(request, file, code, message, headers, address)


def _open(address: str):
    return urllib.request.build_opener(_Https).open(address, timeout=TIMEOUT)


def read(dataset: str, path: str) -> bytes:
    """The verified bytes of a file: from the mirror, the cache or the network, in this order."""
    source = registry().get((dataset, path))
    if source is None:
        raise InputError(dataset, f"path {path!r}", "a file of data/sources.tsv")
    if (here := place(source)).exists():
        return _verify(regular(here).read_bytes(), source, str(here))
    try:
        with _open(source.address) as answer:
            content = answer.read(source.bytes + 1)  # never more, whatever is sent
    except OSError as error:
        mend = f"connect to the network, or set OPTICAL_LITE_MIRROR to a folder with {source.local}"
        got = f"no answer from {source.address} ({error})"
        raise OutOfReach(dataset, got, f"the file; {mend}") from error
    write_atomic(here, _verify(content, source, source.address))
    return content


def place(source: Source) -> Path:
    """Where a file is, in the mirror or the cache; where nowhere, its place in the cache."""
    mirror, cache = get().mirror, get().cache / source.local
    return mirror / source.local if mirror and (mirror / source.local).exists() else cache


def read_text(dataset: str, path: str) -> str:
    """:func:`read`, decoded as UTF-8, with plain line ends."""
    return read(dataset, path).decode("utf-8-sig").replace("\r\n", "\n")


def lines(text: str) -> list[str]:
    """Lines of a text, blanks at their ends removed."""
    return [line.strip() for line in text.rstrip("\n").split("\n")]


def read_json_lines(dataset: str, path: str) -> list[dict]:
    """:func:`read` of JSON lines; bare ``NaN`` values (not strict JSON) become None."""
    text = read_text(dataset, path)
    return [json.loads(line, parse_constant=lambda _: None) for line in text.splitlines() if line]


def paths(dataset: str) -> list[str]:
    """All paths of a data set."""
    one_of("data set: got", dataset, sorted({source.dataset for source in registry().values()}))
    return [source.path for source in registry().values() if source.dataset == dataset]


def fetch(dataset: str) -> list[Path]:
    """Make every file of a data set present and verified; return where each one is found."""
    known = paths(dataset)
    for path in known:
        read(dataset, path)
    return [place(registry()[dataset, path]) for path in known]
