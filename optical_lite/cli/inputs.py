"""Inputs: what several commands read: collections, pairs, a system's encoders; what was cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import encoder, retrieval
from ..corpora import Bitext, Collection
from ..datasets import pocket, reading
from ..encoder import DEFAULT, Encoder
from ..formats import own
from ..settings import InputError
from ..training import runs
from . import run_files


def read(*, format: str | None, collection: str | None, lang: str | None, **options: object):
    """The collection that the options of :data:`.commands.READING` name."""
    given = {name: value for name, value in options.items() if value not in (None, False)}
    data = reading.read(format, collection, lang, **given)
    for note in getattr(data, "notes", ()):
        run_files.say(f"{data.name}: {note}")
    return data


def ranked(data: object, command: str) -> Collection:
    """What was read, if it has judged passages to rank; XOR's questions and XGLUE's pairs lack."""
    if not isinstance(data, Collection):
        got = f"{type(data).__name__.lower()} without judged passages"
        raise InputError(command, got, "a collection")
    return data


def read_pairs(source: str, lang: str | None) -> Bitext:
    """Sentence pairs that the command line names: ``pocket``, or a file of one's own."""
    if source == "pocket":
        return pocket.bitext(reading.need_lang(lang, source))
    return own.read_bitext(source, lang or "xx")


def encoders(
    system: str, model: str = DEFAULT, teacher: str | None = None, both: bool = False,
    max_length: int | None = None,
) -> tuple[Encoder, Encoder, str | None]:  # fmt: skip
    """Encoders of questions and passages, and the language, of ``encoder`` or a run's folder."""
    if system == "encoder":
        questions = passages = encoder.teacher(model)
        lang = None
    else:
        questions, lang = runs.load_student(system), runs.read_config(system)["bitext"]["lang"]
        passages = questions if both else runs.load_teacher(system, teacher)
    if (width := questions.dimension) != passages.dimension:
        expected = f"{passages.dimension}, those of its teacher; give --both, or train it anew"
        raise InputError(system, f"a student of {width} dimensions", expected)
    return questions.reading_to(max_length), passages.reading_to(max_length), lang


def said_cut(kind: str, cut: int, total: int, encoder: Encoder) -> dict:
    """How many texts an encoder has cut: printed where any was, and for a record."""
    if cut:
        more = "the model's limit"
        if encoder.max_length < encoder.limit:
            more = f"--max-length {encoder.limit} reads more"
        print(f"{cut:,} of {total:,} {kind} were cut at {encoder.max_length} tokens; {more}")
    return {f"{kind}_read_to": encoder.max_length, f"{kind}_cut": cut}


def ranking(
    passages: Mapping[str, str], asked: Mapping[str, str], encoders: Sequence[Encoder],
    quiet: bool, scorer: str = "maxsim", k: int = 100, index: object = None,
) -> tuple[retrieval.Run, dict]:  # fmt: skip
    """A run, and what was cut; the index is the cache's where none is given."""
    questions, english = encoders
    if index is None:
        index = retrieval.PassageIndex.cached(english, passages, not quiet, scorer)
    cuts = said_cut("passages", index.cut, len(index.ids), english)
    cut = questions.read(list(asked.values()))[1]
    cuts |= said_cut("questions", cut, len(asked), questions)
    return retrieval.search(index, questions, asked, k), cuts
