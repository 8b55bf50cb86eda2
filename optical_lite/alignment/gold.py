"""Gold: pairs whose words are aligned, by people in published sets, by a machine in pocket.

Every set is turned the same way round: the source is the other language, the target is English, and
words count from 0. What each file gets wrong, and what is done about it, is said where it is read.
"""

from __future__ import annotations

import functools
import io
import operator
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..corpora import Bitext
from ..datasets import pocket
from ..datasets.sources import lines, read, read_json_lines, read_text
from ..settings import one_of
from ..text import words
from .linking import Links, from_pharaoh

XLM_ALIGN = {"fr": "en-fr", "de": "de-en", "hi": "en-hi", "ro": "ro-en", "cs": "en-cs"}
XL_WA = ("bg", "da", "es", "et", "hu", "it", "nl", "pt", "ru", "sl")
Row = tuple[list[str], list[str], Links, Links]


@dataclass(frozen=True)
class GoldSet:
    """A set of aligned sentence pairs.

    Attributes
    ----------
    name : ``COLLECTION-LANGUAGE``
    rows : (source words, English words, sure links, possible links) of each pair; possible ones
        leave the sure ones out
    notes : links that point outside a sentence and were dropped
    """

    name: str
    lang: str
    rows: tuple[Row, ...]
    notes: dict

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def pairs(self) -> list[tuple[list[str], list[str]]]:
        """Words of both sides, without the links."""
        return [(source, target) for source, target, _, _ in self.rows]

    @property
    def bitext(self) -> Bitext:
        """The raw sentences, without the links: what a statistical aligner trains on."""
        pairs = tuple((" ".join(source), " ".join(target)) for source, target in self.pairs)
        return Bitext(self.name, self.lang, "en", pairs)


def _flip(found: Iterable[tuple[int, int]]) -> Links:
    return {(j, i) for i, j in found}


def _set(name: str, lang: str, rows: Iterable[Row]) -> GoldSet:
    """Check bounds, drop what lies outside, leave sure links out of the possible ones."""
    kept, dropped = [], 0
    for source, target, sure, possible in rows:
        inside = {(i, j) for i in range(len(source)) for j in range(len(target))}
        dropped += len((sure | possible) - inside)
        kept.append((source, target, sure & inside, (possible - sure) & inside))
    return GoldSet(name, lang, tuple(kept), {"links outside a sentence": dropped})


@functools.cache
def _bundle() -> dict[str, str]:
    content = read("xlmalign", "word_aligner/alignment-test-sets.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = (member for member in archive.getmembers() if member.isfile())
        return {file.name: archive.extractfile(file).read().decode("utf-8") for file in files}


def xlm_align(lang: str) -> Iterator[Row]:
    """The sets that come with XLM-Align: Europarl de, Hansards fr, WPT 2005 hi and ro, CzEnAli cs.

    Words count from 1. Sentence numbers have gaps: the n-th number met is line n. ``alignv2.txt``
    has sure and possible links where the set has both; in Hindi and Czech the links are of one
    kind, counted as sure here.
    """
    sides, files = XLM_ALIGN[lang], _bundle()
    folder = f"alignment-test-sets/{sides}"
    links: dict[str, tuple[Links, Links]] = {}
    gold = files.get(f"{folder}/alignv2.txt") or files[f"{folder}/align.txt"]
    for number, i, j, *kind in map(str.split, lines(gold)):
        sure, possible = links.setdefault(number, (set(), set()))
        cell = int(i) - 1, int(j) - 1
        (possible if kind == ["P"] else sure).add(cell if sides[:2] == lang else cell[::-1])
    source, target = (lines(files[f"{folder}/test.{code}"]) for code in (lang, "en"))
    for left, right, found in zip(source, target, links.values(), strict=True):
        yield left.split(), right.split(), *found


def xl_wa(lang: str, split: str) -> Iterator[Row]:
    """XL-WA (CC BY-NC-SA 4.0): Wikipedia, English first, words from 0, links of one kind."""
    for line in lines(read_text("xlwa", f"data/{lang}/{split}.tsv")):
        english, other, found = line.split("\t")
        yield other.split(), english.split(), _flip(from_pharaoh(found)[0]), set()


def awesome(lang: str) -> Iterator[Row]:
    """The Japanese (KFTT) and Chinese (TsinghuaAligner) sets of awesome-align; words from 1."""
    text, gold = (read_text("awesome", f"examples/{lang}en.{kind}") for kind in ("src-tgt", "gold"))
    for line, found in zip(lines(text), lines(gold), strict=True):
        source, target = line.split(" ||| ")
        yield source.split(), target.split(), *from_pharaoh(found, base=1)


def binary_align() -> Iterator[Row]:
    """The Linköping English-Swedish set as multi-binaryalign stores it, both parts together.

    Words may hold underscores for blanks ("All_the_same"): they stay one word.
    """
    for part in ("train", "valid"):
        path = f"datasets/processed/{part}/en-sv/swedish.jsonl"
        for record in read_json_lines("binaryalign", path):
            yield record["tgt_words"], record["src_words"], _flip(record["alignment"]), set()


def silver_align() -> Iterator[Row]:
    """SilverAlign's English-Turkish gold: Bible verses, the Turkish machine-made."""
    files = (f"Data/eng_tur/Gold/{name}.txt" for name in ("parallel", "gold"))
    pairs, gold = (lines(read_text("silveralign", file)) for file in files)
    for pair, line in zip(pairs, gold, strict=True):
        english, other = pair.split(" ||| ")
        sure, possible = from_pharaoh(line.split("\t")[1])  # after the line's number
        yield other.split(), english.split(), _flip(sure), _flip(possible)


def bicici() -> Iterator[Row]:
    """Biçici's 100 German-English sentences (Europarl), in a zip, with one link too far."""
    folder, names = "German-English_WordAlignment", ("test.de", "test.en", "de-en.wa")
    with zipfile.ZipFile(io.BytesIO(read("bicici", f"{folder}.zip"))) as archive:
        files = [lines(archive.read(f"{folder}/{name}").decode("utf-8-sig")) for name in names]
    for source, target, found in zip(*files, strict=True):
        yield source.split(), target.split(), from_pharaoh(found)[0], set()


def pocket_half(lang: str, half: str) -> Iterator[Row]:
    """Every other pair of the pocket gold: ``dev`` to choose settings on, ``test`` to report."""
    for source, target, *links in pocket.gold(lang)[0 if half == "dev" else 1 :: 2]:
        yield words(source), words(target), *links


# of each set that is reported: a reader, and what it is called with
REPORTED = {
    **{f"pocket-{lang}": (pocket_half, lang, "test") for lang in pocket.LOW_RESOURCE},
    **{f"xlmalign-{lang}": (xlm_align, lang) for lang in XLM_ALIGN},
    **{f"xlwa-{lang}": (xl_wa, lang, "test") for lang in XL_WA},
    **{f"awesome-{lang}": (awesome, lang) for lang in ("ja", "zh")},
    "binaryalign-sv": (binary_align,), "silveralign-tr": (silver_align,),
}  # fmt: skip
# settings are chosen on these alone
DEVELOPMENT = {
    **{f"pocket-dev-{lang}": (pocket_half, lang, "dev") for lang in pocket.LOW_RESOURCE},
    **{f"xlwa-dev-{lang}": (xl_wa, lang, "dev") for lang in XL_WA},
    "bicici-de": (bicici,),
}
READERS = REPORTED | DEVELOPMENT


@functools.cache
def load(name: str) -> GoldSet:
    """Read a set by its name.

    >>> source, english, sure, possible = load("pocket-sw").rows[0]
    >>> source[1], english[0], (1, 0) in sure
    ('wangu', 'My', True)
    """
    one_of("gold: got", name, READERS)
    reader, *arguments = READERS[name]
    return _set(name, name.rpartition("-")[2], reader(*arguments))


def raw(lang: str) -> Bitext:
    """The raw sentences of every set of a language, without links."""
    of = {name: name.rpartition("-")[2] for name in READERS}
    one_of("gold: got language", lang, sorted(set(of.values())))
    return functools.reduce(operator.add, (load(name).bitext for name in of if of[name] == lang))
