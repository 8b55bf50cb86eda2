"""Gold: pairs whose words are aligned, by people in seven published collections, by a machine in the pocket data.

Every set is turned the same way round: the source is the other language, the target is English, and words count from 0.
What each file gets wrong, and what is done about it, is said where it is read.
"""

from __future__ import annotations

import functools
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..corpora import Bitext
from ..datasets import pocket
from ..datasets.sources import read, read_text
from ..settings import InputError
from ..text import words
from .linking import Links, from_pharaoh

XLM_ALIGN = {"fr": "en-fr", "de": "de-en", "hi": "en-hi", "ro": "ro-en", "cs": "en-cs"}
XL_WA = ("bg", "da", "es", "et", "hu", "it", "nl", "pt", "ru", "sl")
LANGUAGES = {
    "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "es": "Spanish", "et": "Estonian", "fr": "French",
    "hi": "Hindi", "hu": "Hungarian", "it": "Italian", "ja": "Japanese", "mr": "Marathi", "nl": "Dutch",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sl": "Slovene", "so": "Somali", "sv": "Swedish",
    "sw": "Swahili", "tl": "Tagalog", "tr": "Turkish", "zh": "Chinese",
}  # fmt: skip
DEVELOPMENT = ("pocket-dev", "xlwa-dev", "bicici")  # settings are chosen on these, never on the others
Row = tuple[list[str], list[str], Links, Links]


@dataclass(frozen=True)
class GoldSet:
    """A set of aligned sentence pairs.

    Attributes
    ----------
    name : ``COLLECTION-LANGUAGE``, for instance ``xlmalign-fr``
    lang : code of the source language
    rows : (source words, English words, sure links, possible links) of each pair; possible ones leave the sure ones out
    notes : links that point outside a sentence and were dropped
    """

    name: str
    lang: str
    rows: tuple[Row, ...]
    notes: dict = field(default_factory=dict)

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


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.removeprefix("\ufeff").removesuffix("\n").replace("\r\n", "\n").split("\n")]


def _flip(found: Iterable[tuple[int, int]]) -> Links:
    return {(j, i) for i, j in found}


def _set(name: str, lang: str, rows: Iterable[tuple], notes: dict | None = None) -> GoldSet:
    """Check bounds, drop what lies outside, leave sure links out of the possible ones."""
    kept, dropped = [], 0
    for source, target, sure, possible in rows:
        inside = {(i, j) for i in range(len(source)) for j in range(len(target))}
        dropped += len((sure | possible) - inside)
        kept.append((source, target, sure & inside, (possible - sure) & inside))
    return GoldSet(name, lang, tuple(kept), {"links outside a sentence": dropped, **(notes or {})})


@functools.cache
def _bundle() -> dict[str, str]:
    content = read("xlmalign", "word_aligner/alignment-test-sets.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {m.name: archive.extractfile(m).read().decode("utf-8") for m in archive.getmembers() if m.isfile()}


def xlm_align(lang: str) -> GoldSet:
    """The test sets that come with XLM-Align: Europarl de, Hansards fr, WPT 2005 hi and ro, CzEnAli cs.

    Words count from 1. Sentence numbers have gaps: the n-th number met is line n. ``alignv2.txt`` has sure and possible
    links where the set has both; in Hindi and Czech the links are of one kind, counted as sure here.
    """
    folder, files = f"alignment-test-sets/{XLM_ALIGN[lang]}", _bundle()
    left = XLM_ALIGN[lang].split("-")[0]
    source, target = (_lines(files[f"{folder}/test.{code}"]) for code in (lang, "en"))
    links: dict[str, tuple[Links, Links]] = {}
    gold = files.get(f"{folder}/alignv2.txt") or files[f"{folder}/align.txt"]
    for number, i, j, *kind in (line.split() for line in _lines(gold)):
        sure, possible = links.setdefault(number, (set(), set()))
        cell = (int(i) - 1, int(j) - 1) if left == lang else (int(j) - 1, int(i) - 1)
        (possible if kind == ["P"] else sure).add(cell)
    if len(links) != len(source) or len(source) != len(target):
        raise InputError(f"xlmalign-{lang}: got {len(links)} sets of links for {len(source)} and {len(target)} lines")
    rows = ((s.split(), t.split(), *both) for s, t, both in zip(source, target, links.values(), strict=True))
    return _set(f"xlmalign-{lang}", lang, rows)


def xl_wa(lang: str, split: str) -> GoldSet:
    """XL-WA (CC BY-NC-SA 4.0): Wikipedia sentences, English first, words from 0, links of one kind."""
    rows = []
    for line in _lines(read_text("xlwa", f"data/{lang}/{split}.tsv")):
        english, other, found = line.split("\t")
        rows.append((other.split(), english.split(), _flip(from_pharaoh(found)[0]), set()))
    return _set(f"xlwa{'-dev' if split == 'dev' else ''}-{lang}", lang, rows)


def awesome(lang: str) -> GoldSet:
    """The Japanese (KFTT) and Chinese (TsinghuaAligner) sets that come with awesome-align; words count from 1."""
    text, gold = (read_text("awesome", f"examples/{lang}en.{kind}") for kind in ("src-tgt", "gold"))
    rows = []
    for line, found in zip(_lines(text), _lines(gold), strict=True):
        source, target = line.split(" ||| ")
        rows.append((source.split(), target.split(), *from_pharaoh(found, base=1)))
    return _set(f"awesome-{lang}", lang, rows)


def binary_align(lang: str = "sv") -> GoldSet:
    """The Linköping English-Swedish set as multi-binaryalign stores it, its two random parts together.

    Words may hold underscores for blanks ("All_the_same"): they stay one word.
    """
    rows = []
    for part in ("train", "valid"):
        for line in _lines(read_text("binaryalign", f"datasets/processed/{part}/en-sv/swedish.jsonl")):
            record = json.loads(line)
            found = {(j, i) for i, j in record["alignment"]}
            rows.append((record["tgt_words"], record["src_words"], found, set()))
    return _set(f"binaryalign-{lang}", lang, rows)


def silver_align(lang: str = "tr") -> GoldSet:
    """SilverAlign's English-Turkish gold: Bible verses, the Turkish machine-made; line numbers stand before links."""
    folder, rows = "Data/eng_tur/Gold", []
    pairs, gold = (_lines(read_text("silveralign", f"{folder}/{name}.txt")) for name in ("parallel", "gold"))
    for pair, line in zip(pairs, gold, strict=True):
        english, other = pair.split(" ||| ")
        sure, possible = from_pharaoh(line.split("\t")[1])
        rows.append((other.split(), english.split(), _flip(sure), _flip(possible)))
    return _set(f"silveralign-{lang}", lang, rows)


def bicici(lang: str = "de") -> GoldSet:
    """Biçici's 100 German-English sentences (Europarl), in a zip; words count from 0, one link is past the end."""
    folder = "German-English_WordAlignment"
    with zipfile.ZipFile(io.BytesIO(read("bicici", f"{folder}.zip"))) as archive:
        source, target, gold = (
            _lines(archive.read(f"{folder}/{name}").decode("utf-8")) for name in ("test.de", "test.en", "de-en.wa")
        )
    rows = (
        (s.split(), t.split(), from_pharaoh(found)[0], set()) for s, t, found in zip(source, target, gold, strict=True)
    )
    return _set(f"bicici-{lang}", lang, rows)


def pocket_half(lang: str, half: str) -> GoldSet:
    """Every other pair of the pocket gold: ``dev`` to choose settings on, ``test`` to report."""
    rows = pocket.gold(lang)[0 if half == "dev" else 1 :: 2]
    name = f"pocket{'-dev' if half == 'dev' else ''}-{lang}"
    return _set(name, lang, ((words(s), words(t), sure, possible) for s, t, sure, possible in rows))


READERS = {
    **{f"pocket-{lang}": functools.partial(pocket_half, lang, "test") for lang in pocket.LOW_RESOURCE},
    **{f"xlmalign-{lang}": functools.partial(xlm_align, lang) for lang in XLM_ALIGN},
    **{f"xlwa-{lang}": functools.partial(xl_wa, lang, "test") for lang in XL_WA},
    **{f"awesome-{lang}": functools.partial(awesome, lang) for lang in ("ja", "zh")},
    "binaryalign-sv": binary_align, "silveralign-tr": silver_align,
    **{f"pocket-dev-{lang}": functools.partial(pocket_half, lang, "dev") for lang in pocket.LOW_RESOURCE},
    **{f"xlwa-dev-{lang}": functools.partial(xl_wa, lang, "dev") for lang in XL_WA},
    "bicici-de": bicici,
}  # fmt: skip


def names(development: bool | None = None) -> list[str]:
    """Names of all sets; or of those to choose settings on, or of those to report."""
    return [name for name in READERS if development in (None, name.rsplit("-", 1)[0] in DEVELOPMENT)]


@functools.cache
def load(name: str) -> GoldSet:
    """Read a set by its name.

    Examples
    --------
    >>> source, english, sure, possible = load("pocket-sw").rows[0]
    >>> source[1], english[0], (1, 0) in sure
    ('wangu', 'My', True)
    """
    if name not in READERS:
        raise InputError(f"gold: got {name!r}, expected one of {', '.join(READERS)}")
    return READERS[name]()


def raw(lang: str) -> Bitext:
    """The raw sentences of every set of a language, without links."""
    found = [load(name).bitext for name in names() if name.rsplit("-", 1)[1] == lang]
    if not found:
        raise InputError(f"gold: got language {lang!r}, expected one of {', '.join(LANGUAGES)}")
    return functools.reduce(lambda x, y: x + y, found)
