"""Places: where each language is trained and tested, and each system in it."""

from __future__ import annotations

from dataclasses import dataclass

from ..corpora import THREE_LETTERS
from ..settings import one_of
from .systems import ANSWER, LEAKS, TUNING


@dataclass(frozen=True)
class Place:
    """Where a language is tested, and on which bitext its students are trained."""

    collections: tuple[str, ...]
    recipe: str = "default"


# what the comparison with a multilingual encoder is made on
ASKED = ("afriqa", "belebele", "belebele-hard")
COMMON = (*ASKED, "ntrex-headlines")
MATES = ("xquad-r", "tatoeba-mates")  # the latter is a check that nothing is broken
LANGUAGES = {
    "sw": Place(COMMON),
    "ig": Place(COMMON),
    "ha": Place(COMMON),
    "yo": Place(COMMON),
    # AfriQA's training and development questions are all the bitext there is
    "tw": Place(("afriqa",), "afriqa"),
    "so": Place(COMMON[1:], "tico19+hornmt+ciral"),
    "tl": Place(COMMON[1:]),
    "mr": Place((*COMMON[1:], "indicquest"), "tico19+loresmt"),
    "hi": Place(("indicquest", *MATES)),
    "es": Place(MATES),
    "de": Place(("belebele-questions", *MATES), "ntrex"),
}
# languages with more resources, kept apart from the question that is asked
REFERENCE = ("hi", "es", "de")


def code(lang: str) -> str:
    """Two-letter code of a language of the comparison."""
    one_of("language: got", short := THREE_LETTERS.get(lang, lang), LANGUAGES)
    return short


def place(lang: str) -> Place:
    """Where a language is tested."""
    return LANGUAGES[code(lang)]


def tested(lang: str, name: str) -> tuple[str, ...]:
    """The collections that a system is tested on in a language."""
    found = () if name in TUNING else place(lang).collections
    asked = ASKED if name in ANSWER else ASKED[:1] if name in LEAKS else found
    return tuple(each for each in found if each in asked)
