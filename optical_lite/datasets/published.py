"""Published bitext and AfriQA; what a file gets wrong is said where it is read.

Other test collections are in :mod:`.testsets`.
"""

from __future__ import annotations

import contextlib
import functools
import html
import io
import operator
import xml.etree.ElementTree as xml
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..corpora import THREE_LETTERS, Bitext, Collection, language
from ..settings import InputError, one_of
from ..text import fold
from .sources import lines, paths, read, read_json_lines, read_text


class NoLanguage(InputError):
    """A data set does not have a language."""


AFRIQA = ("hau", "ibo", "swa", "twi", "yor")


def find_code(lang: str, known: Iterable[str], name: str) -> str:
    """The three-letter code by which a data set knows a language."""
    ours = sorted(THREE_LETTERS.keys() & known, reverse=True)
    spoken = {THREE_LETTERS[code]: code for code in ours}
    one_of(f"{name}: got language", language(lang), sorted(spoken), NoLanguage)
    return spoken[language(lang)]


def pair_up(name: str, lang: str, source: list[str], target: list[str]) -> Bitext:
    """Make a bitext of two files' lines, which must be as many."""
    if len(source) != len(target):
        raise InputError(name, f"{len(source)} source and {len(target)} English lines", "as many")
    return Bitext(name, language(lang), "en", tuple(zip(source, target, strict=True)))


def _aligned(dataset: str, lang: str, known: Iterable[str], source: str, english: str) -> Bitext:
    """A bitext of two files of a data set, line by line; ``{code}`` in a path is the language."""
    code = find_code(lang, known, dataset)
    sides = (lines(read_text(dataset, path.format(code=code))) for path in (source, english))
    return pair_up(dataset, lang, *sides)


def mafand(lang: str) -> Bitext:
    """The training part of MAFAND-MT, news (CC BY-NC 4.0); it needs :meth:`.Bitext.clean`."""
    known, stem = ("swa", "hau", "yor", "ibo", "zul"), "data/text_files/en-{code}/train"
    found = _aligned("mafand", lang, known, stem + ".{code}", stem + ".en")
    return replace(found, name="mafand-train")


def tico19(lang: str) -> Bitext:
    """TICO-19 (CC0): a TMX in a zip. Twelve English segments are escaped twice: unescape again."""
    files = {code: code for code in ("sw", "so", "tl", "mr", "fr", "ha", "hi", "id", "zu")}
    files["es"], code = "es-LA", language(lang)
    one_of("tico19: got language", code, files, NoLanguage)
    name = f"all.en-{files[code]}.tmx"
    with zipfile.ZipFile(io.BytesIO(read("tico19", f"data/TM/{name}.zip"))) as archive:
        root = xml.fromstring(archive.read(name))
    pairs = []
    for unit in root.iter("tu"):
        sides = [" ".join("".join(seg.itertext()).split()) for seg in unit.iter("seg")]
        if len(sides) == 2 and all(sides):
            english, source = map(html.unescape, sides)
            pairs.append((source, english))
    return Bitext("tico19", code, "en", tuple(pairs))


def ntrex(lang: str) -> Bitext:
    """NTREX-128 news bitext (CC BY-SA 4.0), in which Tagalog is called ``fil``."""
    known = {path.split(".")[-2] for path in paths("ntrex") if "-ref." in path}
    stem = "NTREX-128/newstest2019-"
    return _aligned("ntrex", lang, known, stem + "ref.{code}.txt", stem + "src.eng.txt")


def flores(lang: str, split: str = "devtest") -> Bitext:
    """FLORES-200 (CC BY-SA 4.0): a test set, ``dev`` or ``devtest``; not for training."""
    one_of("flores: got split", split, ("dev", "devtest"))
    folder = f"data/common-parallel-corpora/flores-200-{split}/"
    names = (path.removeprefix(folder) for path in paths("flores") if path.startswith(folder))
    files = {name[:3]: folder + name for name in names}
    code = find_code(lang, files, f"flores {split}")
    sides = (lines(read_text("flores", files[side])) for side in (code, "eng"))
    return pair_up(f"flores-{split}", lang, *sides)


def hornmt(lang: str) -> Bitext:
    """HornMT (CC BY 4.0): news sentences in Somali and English, written for machine translation."""
    return _aligned("hornmt", lang, ("som",), "data/som.txt", "data/eng.txt")


def loresmt(lang: str) -> Bitext:
    """LoResMT 2021 (CC BY-NC-SA 4.0): the two Marathi test sets; its dev part repeats TICO-19."""
    stems = (f"data/en_mr/test.{way}" for way in ("en2mr", "mr2en"))
    one, other = (_aligned("loresmt", lang, ("mar",), f"{stem}.mr", f"{stem}.en") for stem in stems)
    return replace(one, pairs=one.pairs + other.pairs)


def tatoeba(lang: str) -> Bitext:
    """Tatoeba's test sentences in LASER's selection (CC BY 2.0 FR): short, everyday; a test set."""
    known = {path.rsplit(".", 1)[1] for path in paths("tatoeba")} - {"eng"}
    stem = "data/tatoeba/v1/tatoeba.{code}-eng"
    return _aligned("tatoeba", lang, known, stem + ".{code}", stem + ".eng")


def ciral(lang: str) -> Bitext:
    """CIRAL's questions with their English form (Apache-2.0), by line: one number occurs twice."""
    code = language(lang)
    one_of("ciral: got language", code, ("ha", "so", "sw", "yo"), NoLanguage)

    def questions(end: str) -> list[str]:
        files = (f"topics/topics.ciral-v1.0-{code}-test-{part}{end}.tsv" for part in "ab")
        rows = (row.split("\t") for file in files for row in lines(read_text("ciral", file)))
        return [tidy(text.strip('" ')) for _, text in rows]

    return pair_up("ciral", lang, questions("-native"), questions(""))


def tidy(value: object) -> str:
    """Text with single blanks; nothing for what is no text (null, NaN).

    >>> tidy(" Nani  anaishi? "), tidy(None)
    ('Nani anaishi?', '')
    """
    return " ".join(value.split()) if isinstance(value, str) else ""


def afriqa_questions(lang: str, split: str) -> Bitext:
    """AfriQA's questions with their human translations (CC BY 4.0), empty ones left out."""
    code = find_code(lang, AFRIQA, "afriqa")
    path = f"data/queries/{code}/queries.afriqa.{code}.en.{split}.json"
    rows = read_json_lines("afriqa", path)
    pairs = ((tidy(row["question"]), tidy(row["translated_question"])) for row in rows)
    return Bitext(f"afriqa-{split}", language(lang), "en", tuple(filter(all, pairs)))


def _afriqa_gold() -> list[tuple[str, str, dict]]:
    """Every gold record with a passage: (language, split, record); ids restart in every file."""
    found = []
    for path in paths("afriqa"):
        if "/gold_passages/" in path:
            code, split = path.split("/")[2], path.split(".")[-2]
            rows = read_json_lines("afriqa", path)
            found += [(code, split, row) for row in rows if tidy(row["context"])]
    return found


def afriqa(lang: str, split: str = "test") -> Collection:
    """AfriQA as a retrieval collection over the English passages of five languages, all splits.

    A question's relevant passages are its gold passage and those equal to it (after :func:`fold`),
    containing it or contained in it, if of at least 8 words: punishing a twin would punish right
    answers. ``flags`` marks what could make a question easier than it looks: its gold passage
    serves a train or dev question of some language (``passage-in-training``), or its English
    wording is one (``question-in-training``).
    """
    code = find_code(lang, AFRIQA, "afriqa")
    gold = _afriqa_gold()
    passages: dict[str, str] = {}  # folded text -> id
    texts: dict[str, str] = {}
    for _, _, row in gold:
        key = fold(row["context"])
        if key not in passages:
            passages[key] = f"p{len(passages)}"
            title_and_text = filter(None, (tidy(row.get("title")), tidy(row["context"])))
            texts[passages[key]] = ". ".join(title_and_text)
    mine = [row for where, part, row in gold if (where, part) == (code, split)]
    if not mine:
        have = ", ".join(sorted({f"{where} {part}" for where, part, _ in gold}))
        raise InputError("afriqa", f"{code} {split}", f"one with gold passages: {have}")
    training = [row for _, part, row in gold if part != "test"]
    seen_passages = {fold(row["context"]) for row in training}
    seen_questions = {fold(tidy(row["question_translated"])) for row in training}
    long_enough = {text for text in passages if len(text.split()) >= 8}
    queries, translations, qrels, flags = {}, {}, {}, {}
    for row in mine:
        question, translation = tidy(row["question_lang"]), tidy(row["question_translated"])
        if not (question and translation):
            continue
        name, key = f"{code}-{split}-{row['id']}", fold(row["context"])
        queries[name], translations[name] = question, translation
        related = {other for other in long_enough if other in key}
        if key in long_enough:
            related |= {other for other in passages if key in other}
        qrels[name] = {passages[other]: 1 for other in sorted(related | {key})}
        marks = ["passage-in-training"] * (key in seen_passages)
        flags[name] = marks + ["question-in-training"] * (fold(translation) in seen_questions)
    return Collection("afriqa", language(lang), texts, queries, qrels, translations, flags)


def _questions(lang: str) -> Bitext:
    """AfriQA's train and dev questions; its test questions are never bitext."""
    return afriqa_questions(lang, "train") + afriqa_questions(lang, "dev")


# The parts that a recipe may name.
PARTS = {"mafand": mafand, "tico19": tico19, "hornmt": hornmt, "loresmt": loresmt, "ntrex": ntrex,
         "tatoeba": tatoeba, "afriqa": _questions, "ciral": ciral}  # fmt: skip
RECIPES = {
    "default": "mafand+tico19",
    "questions": "afriqa+ciral",
    "plus": "mafand+tico19+hornmt+loresmt+afriqa+ciral+ntrex+tatoeba",
    "unasked": "mafand+tico19+hornmt+loresmt+ciral+ntrex+tatoeba",
}


def training_bitext(
    lang: str, hold_out: Sequence[Collection] = (), recipe: str = "default"
) -> Bitext:
    """The training pairs of a language, cleaned, without what the collections of ``hold_out`` ask.

    A pair with a side equal to a question, or to its translation, is dropped (case, punctuation and
    blanks aside) and counted in ``notes``. A part of which a collection is made is left out whole:
    the collection is called like it, or begins with its name and a hyphen (``ntrex-headlines``). Of
    AfriQA the part has other questions than the collection, and stays. ``recipe`` is a key of
    ``RECIPES``, or names of ``PARTS`` joined by ``+``.
    """
    names = RECIPES.get(recipe, recipe).split("+")
    if unknown := [name for name in names if name not in PARTS]:
        expected = f"{', '.join(RECIPES)}, or some of {', '.join(PARTS)} joined by +"
        raise InputError("recipe", repr(unknown[0]), expected)
    held, parts = [f"{collection.name}-" for collection in hold_out], []
    for name in names:
        if name == "afriqa" or not any(each.startswith(f"{name}-") for each in held):
            with contextlib.suppress(NoLanguage):
                parts.append(PARTS[name](lang))
    if not parts:
        known = " or ".join(names)
        raise InputError("training bitext", f"language {lang!r}", f"one that {known} covers")
    return functools.reduce(operator.add, parts).clean(without=asked(hold_out))


def asked(collections: Iterable[Collection]) -> list[str]:
    """Questions of collections, and their translations."""
    return [
        text for one in collections for text in (*one.queries.values(), *one.translations.values())
    ]
