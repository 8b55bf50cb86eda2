"""Offers: what the explorer lets a person pick: sentence pairs of a language, and students that read it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import vocabulary
from ..alignment.linking import Links
from ..corpora import LANGUAGES, THREE_LETTERS, language
from ..datasets import pocket, published
from ..datasets.sources import paths
from ..encoder import Encoder, teacher
from ..settings import ROOT, InputError
from ..text import words
from ..training import runs

LONGEST = 60  # tokens a side: more do not fit a heat map
FITS = 18  # words a side of the sentences that are offered
ENGLISH, EXTENDED = "English encoder", "extended, untrained"
FLORES = f"FLORES, up to {FITS} words"
SETS = ("pocket, with gold", "pocket", FLORES)


@dataclass(frozen=True)
class Example:
    """A sentence pair to pick, with its gold links where there are some."""

    source: str
    target: str
    sure: Links | None = None
    possible: Links | None = None


def _flores(lang: str) -> str | None:
    """The part of FLORES that has a language: ``dev`` rather than ``devtest``."""
    files = [path.rsplit("/", 1)[1].split(".") for path in paths("flores")]  # swh_Latn.dev
    parts = {part for name, part in files if THREE_LETTERS.get(name[:3]) == language(lang)}
    return min(parts, default=None)


def sets(lang: str) -> list[str]:
    """Which of :data:`SETS` have a language.

    >>> sets("sw")
    ['pocket, with gold', 'pocket', 'FLORES, up to 18 words']
    >>> sets("fr"), sets("fi")
    (['pocket', 'FLORES, up to 18 words'], [])
    """
    has = language(lang) in pocket.LOW_RESOURCE, language(lang) in pocket.LANGUAGES, _flores(lang)
    return [name for name, there in zip(SETS, has, strict=True) if there]


def fitting(pairs: Sequence[tuple[str, str]]) -> tuple[Example, ...]:
    """The pairs that a drawing holds, whoever reads them: :data:`FITS` words a side, :data:`LONGEST` English pieces.

    >>> len(fitting([("maji safi", "clean water"), ("maji " * 19, "water"), ("kilichochukuliwa " * 18, "x")]))
    1
    """
    short = [pair for pair in pairs if max(len(words(side)) for side in pair) <= FITS]
    sides = [side for pair in short for side in pair]
    lengths = [len(code.ids) for code in teacher().tokenizer.encode_batch(sides, add_special_tokens=False)]
    return tuple(Example(*pair) for k, pair in enumerate(short) if max(lengths[2 * k : 2 * k + 2]) <= LONGEST)


@functools.cache
def examples(lang: str, name: str) -> tuple[Example, ...]:
    """The sentence pairs of a language in one of :data:`SETS`; of FLORES those that fit a drawing.

    >>> examples("sw", "pocket, with gold")[0].target
    'The doctor keeps the pills in a dark room.'
    """
    if name not in SETS:
        raise InputError(f"explorer: got sentences {name!r}, expected one of {', '.join(SETS)}")
    if name not in sets(lang):
        raise InputError(f"explorer: got {name!r} for {LANGUAGES[language(lang)]}, expected one of {sets(lang)}")
    if name == FLORES:
        return fitting(published.flores(lang, _flores(lang)).pairs)
    if name == "pocket":
        return tuple(Example(*pair) for pair in pocket.bitext(lang).pairs)
    return tuple(Example(source, target, sure, possible) for source, target, sure, possible in pocket.gold(lang))


class Students(Mapping):
    """Encoders by name, each loaded when it is first used and then kept.

    Parameters
    ----------
    loaders : for each name an encoder, a run folder, or a function that returns an encoder
    """

    def __init__(self, loaders: Mapping[str, Encoder | str | Path | Callable[[], Encoder]]) -> None:
        self._loaders, self._loaded = dict(loaders), {}

    def __getitem__(self, name: str) -> Encoder:
        if name not in self._loaders:
            raise InputError(f"explorer: got student {name!r}, expected one of {', '.join(self)}")
        if name not in self._loaded:
            what = self._loaders[name]
            if isinstance(what, str | Path):
                what = runs.load_student(what)
            self._loaded[name] = what if isinstance(what, Encoder) else what()
        return self._loaded[name]

    def add(self, name: str, what: Encoder | str | Path | Callable[[], Encoder]) -> None:
        """Add a student, unless the name is taken."""
        self._loaders.setdefault(name, what)

    def __iter__(self):
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)


def known_runs(lang: str, folder: str | Path | None = None) -> list[Path]:
    """Finished runs of a language below a folder, by default ``runs/``; a damaged one is named and left out."""
    found = []
    for place in sorted((Path(folder) if folder else ROOT / "runs").glob("*/config.json")):
        try:
            code = runs.read_config(place.parent)["bitext"]["lang"]
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if code == language(lang) and runs.is_finished(place.parent):
            found.append(place.parent)
    return found


def students(lang: str, folder: str | Path | None = None) -> Students:
    """The students of a language: the teacher itself, the untrained extension, and the checkpoints of its runs."""
    english = teacher()
    found: dict = {ENGLISH: english}
    if language(lang) in pocket.LANGUAGES:
        found[EXTENDED] = lambda: vocabulary.extend(english, pocket.bitext(lang))
    for run in known_runs(lang, folder):
        steps = runs.checkpoint_steps(run) or [None]
        for step in steps:
            title = f"{run.name}, {'trained' if step is None else f'step {step}'}"
            found[title] = functools.partial(runs.load_checkpoint, run, step) if step is not None else run
    return Students(found)


def offer(known: Students, lang: str) -> list[str]:
    """Add the students of a further language to those known; their names, which tell languages apart.

    >>> offer(Students({}), "fi")
    ['English encoder']
    """
    more, names = students(lang), []
    for name in more:
        title = f"{name} ({LANGUAGES[language(lang)]})" if name == EXTENDED else name  # runs have names of their own
        known.add(title, functools.partial(more.__getitem__, name))
        names.append(title)
    return names
