"""Published bitext and AfriQA, read through :mod:`.sources`.

What each file gets wrong, and what is done about it, is said where it is read. Which of them make a language's
training pairs is the matter of :mod:`.recipes`; other test collections are in :mod:`.testsets`.
"""

from __future__ import annotations

import functools
import html
import io
import json
import operator
import xml.etree.ElementTree as xml
import zipfile
from collections.abc import Sequence

from ..corpora import THREE_LETTERS, Bitext, Collection, language
from ..settings import InputError
from ..text import fold
from .sources import paths, read, read_text

AFRIQA = ("hau", "ibo", "swa", "twi", "yor")
SPLITS = ("train", "dev", "test")


def find_code(lang: str, known: set[str], name: str) -> str:
    """The three-letter code by which a data set knows a language."""
    code = next((k for k in sorted(known) if THREE_LETTERS.get(k) == language(lang)), None)
    if code is None:
        spoken = sorted({THREE_LETTERS[k] for k in known if k in THREE_LETTERS})
        raise InputError(f"{name}: got language {lang!r}, expected one of {', '.join(spoken)}")
    return code


def read_lines(dataset: str, path: str) -> list[str]:
    """Lines of a file, blanks at their ends removed."""
    return [line.strip() for line in read_text(dataset, path).rstrip("\n").split("\n")]


def pair_up(name: str, lang: str, source: list[str], target: list[str]) -> Bitext:
    """Make a bitext of two files' lines, which must be as many."""
    if len(source) != len(target):
        raise InputError(f"{name}: got {len(source)} source and {len(target)} English lines, expected as many")
    return Bitext(name, language(lang), "en", tuple(zip(source, target, strict=True)))


def mafand(lang: str, split: str = "train") -> Bitext:
    """MAFAND-MT news bitext (CC BY-NC 4.0). Its training part holds repeated and untranslated pairs: use ``clean``."""
    code = find_code(lang, {"swa", "hau", "yor", "ibo", "zul"}, "mafand")
    if split not in SPLITS:
        raise InputError(f"mafand: got split {split!r}, expected one of {', '.join(SPLITS)}")
    stem = f"data/text_files/en-{code}/{split}"
    return pair_up(f"mafand-{split}", lang, read_lines("mafand", f"{stem}.{code}"), read_lines("mafand", f"{stem}.en"))


def tico19(lang: str) -> Bitext:
    """TICO-19 (CC0): one TMX in a zip. Twelve English segments are escaped twice, so they are unescaped once more."""
    files = {"sw": "sw", "so": "so", "tl": "tl", "mr": "mr", "es": "es-LA", "fr": "fr", "ha": "ha", "hi": "hi",
             "id": "id", "zu": "zu"}  # fmt: skip
    code = language(lang)
    if code not in files:
        raise InputError(f"tico19: got language {lang!r}, expected one of {', '.join(files)}")
    name = f"all.en-{files[code]}.tmx"
    with zipfile.ZipFile(io.BytesIO(read("tico19", f"data/TM/{name}.zip"))) as archive:
        root = xml.fromstring(archive.read(name))
    source, target = [], []
    for unit in root.iter("tu"):
        sides = [" ".join("".join(seg.itertext()).split()) for seg in unit.iter("seg")]
        if len(sides) == 2 and all(sides):
            target.append(html.unescape(sides[0]))
            source.append(html.unescape(sides[1]))
    return pair_up("tico19", lang, source, target)


def ntrex(lang: str) -> Bitext:
    """NTREX-128 news bitext (CC BY-SA 4.0); its lines end with CR LF, and Tagalog is called ``fil``."""
    known = {path.split(".")[-2] for path in paths("ntrex") if "-ref." in path}
    stem = "NTREX-128/newstest2019-"
    code = find_code(lang, known, "ntrex")
    return pair_up(
        "ntrex", lang, read_lines("ntrex", f"{stem}ref.{code}.txt"), read_lines("ntrex", f"{stem}src.eng.txt")
    )


def flores(lang: str, split: str = "devtest") -> Bitext:
    """FLORES-200 (CC BY-SA 4.0): a test set, ``dev`` or ``devtest``; not for training."""
    if split not in ("dev", "devtest"):
        raise InputError(f"flores: got split {split!r}, expected 'dev' or 'devtest'")
    folder = f"data/common-parallel-corpora/flores-200-{split}"
    files = {path.rsplit("/", 1)[1].split(".")[0]: path for path in paths("flores") if path.startswith(folder + "/")}
    code = find_code(lang, {name[:3] for name in files}, f"flores {split}")
    source = next(path for name, path in files.items() if name.startswith(code))
    return pair_up(f"flores-{split}", lang, read_lines("flores", source), read_lines("flores", files["eng_Latn"]))


def hornmt(lang: str) -> Bitext:
    """HornMT (CC BY 4.0): news sentences in Somali and English, written for machine translation."""
    find_code(lang, {"som"}, "hornmt")
    return pair_up("hornmt", lang, read_lines("hornmt", "data/som.txt"), read_lines("hornmt", "data/eng.txt"))


def loresmt(lang: str) -> Bitext:
    """LoResMT 2021 (CC BY-NC-SA 4.0): the two Marathi test sets; its dev part repeats TICO-19 and is not read."""
    find_code(lang, {"mar"}, "loresmt")
    stems = [f"data/en_mr/test.{way}" for way in ("en2mr", "mr2en")]
    marathi = [line for stem in stems for line in read_lines("loresmt", f"{stem}.mr")]
    return pair_up("loresmt", lang, marathi, [line for stem in stems for line in read_lines("loresmt", f"{stem}.en")])


def tatoeba(lang: str) -> Bitext:
    """Tatoeba's test sentences in LASER's selection (CC BY 2.0 FR): short everyday sentences; a test set by habit."""
    known = {path.rsplit(".", 1)[1] for path in paths("tatoeba")} - {"eng"}
    code = find_code(lang, known, "tatoeba")
    stem = f"data/tatoeba/v1/tatoeba.{code}-eng"
    return pair_up("tatoeba", lang, read_lines("tatoeba", f"{stem}.{code}"), read_lines("tatoeba", f"{stem}.eng"))


def ciral(lang: str) -> Bitext:
    """CIRAL's questions with their English form (Apache-2.0), paired by line: one question number occurs twice."""
    code = language(lang)
    if code not in (known := ("ha", "so", "sw", "yo")):
        raise InputError(f"ciral: got language {lang!r}, expected one of {', '.join(known)}")

    def questions(end: str) -> list[str]:
        stem = f"topics/topics.ciral-v1.0-{code}-test-"
        rows = [row.split("\t") for part in "ab" for row in read_lines("ciral", f"{stem}{part}{end}.tsv")]
        return [tidy(text.strip('" ')) for _, text in rows]

    return pair_up("ciral", lang, questions("-native"), questions(""))


def _json_lines(path: str) -> list[dict]:
    """Read AfriQA's JSON lines; bare ``NaN`` values (not strict JSON) become None."""
    return [json.loads(line, parse_constant=lambda _: None) for line in read_text("afriqa", path).splitlines() if line]


def tidy(value: object) -> str:
    """Text with single blanks; nothing for what is no text (null, NaN).

    >>> tidy(" Nani  anaishi? "), tidy(None)
    ('Nani anaishi?', '')
    """
    return " ".join(value.split()) if isinstance(value, str) else ""


def afriqa_questions(lang: str, split: str) -> Bitext:
    """AfriQA's questions with their human translations, as bitext (CC BY 4.0); empty questions are left out."""
    code = find_code(lang, set(AFRIQA), "afriqa")
    rows = _json_lines(f"data/queries/{code}/queries.afriqa.{code}.en.{split}.json")
    pairs = ((tidy(row["question"]), tidy(row["translated_question"])) for row in rows)
    return Bitext(f"afriqa-{split}", language(lang), "en", tuple(pair for pair in pairs if all(pair)))


def afriqa_gold() -> list[tuple[str, str, dict]]:
    """Every gold record with a passage: (language, split, record). Ids restart in every file: the triple is the key."""
    found = []
    for path in paths("afriqa"):
        if "/gold_passages/" in path:
            code, split = path.split("/")[2], path.split(".")[-2]
            found += [(code, split, row) for row in _json_lines(path) if tidy(row["context"])]
    return found


def afriqa(lang: str, split: str = "test") -> Collection:
    """AfriQA as a retrieval collection over the pooled English passages of five languages, all splits.

    A question's relevant passages are those identical to its gold passage (after :func:`fold`), those that
    contain it and those contained in it: several questions share a passage, and punishing the twin
    would punish right answers. Passages of fewer than 8 words do not spread relevance by containment.

    ``flags`` marks, per question, what could make it easier than it looks:
    ``passage-in-training`` (its gold passage serves a train or dev question of some language) and
    ``question-in-training`` (its English wording is also a train or dev question).
    """
    code = find_code(lang, set(AFRIQA), "afriqa")
    gold = afriqa_gold()
    passages: dict[str, str] = {}  # folded text -> id
    texts: dict[str, str] = {}
    for _, _, row in gold:
        key = fold(row["context"])
        if key not in passages:
            passages[key] = f"p{len(passages)}"
            title = tidy(row.get("title"))
            texts[passages[key]] = f"{title}. {tidy(row['context'])}" if title else tidy(row["context"])
    mine = [row for where, part, row in gold if (where, part) == (code, split)]
    if not mine:
        have = sorted({f"{where} {part}" for where, part, _ in gold})
        raise InputError(f"afriqa: got {code} {split}, expected one with gold passages: {', '.join(have)}")
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
        qrels[name] = {passages[other]: 1 for other in related | {key}}
        marks = ["passage-in-training"] * (key in seen_passages)
        flags[name] = marks + ["question-in-training"] * (fold(translation) in seen_questions)
    return Collection("afriqa", language(lang), texts, queries, qrels, translations, flags)


def _questions(lang: str) -> Bitext:
    """AfriQA's train and dev questions; its test questions are never bitext."""
    return afriqa_questions(lang, "train") + afriqa_questions(lang, "dev")


# The parts a recipe may name, with the test collections that are made of the same text.
PARTS = {"mafand": mafand, "tico19": tico19, "hornmt": hornmt, "loresmt": loresmt, "ntrex": ntrex,
         "tatoeba": tatoeba, "afriqa": _questions, "ciral": ciral}  # fmt: skip
RECIPES = {
    "default": "mafand+tico19",
    "questions": "afriqa+ciral",
    "plus": "mafand+tico19+hornmt+loresmt+afriqa+ciral+ntrex+tatoeba",
}


def training_bitext(
    lang: str, hold_out: Collection | Sequence[Collection] | None = None, recipe: str = "default"
) -> Bitext:
    """The training pairs of a language, cleaned, without what the collections of ``hold_out`` ask.

    Parameters
    ----------
    lang : any code of the language
    hold_out : collections to keep out, test and dev alike: a pair with a side equal to a question, or to its
        translation, is dropped (case, punctuation and blanks aside) and counted in ``notes``;
        a part of which a collection is made (NTREX, Tatoeba) is left out whole
    recipe : ``default`` (MAFAND's training part and TICO-19), ``plus`` (everything but FLORES, which is a test set),
        ``questions`` (AfriQA's train and dev questions and CIRAL's), or names of ``PARTS`` joined by ``+``

    Raises
    ------
    InputError
        unknown part, or no part with this language
    """
    collections = [hold_out] if isinstance(hold_out, Collection) else list(hold_out or ())
    names = RECIPES.get(recipe, recipe).split("+")
    if unknown := [name for name in names if name not in PARTS]:
        raise InputError(
            f"recipe: got {unknown[0]!r}, expected {', '.join(RECIPES)}, or some of {', '.join(PARTS)} joined by +"
        )
    tested = {collection.name.split("-")[0] for collection in collections} - {"afriqa"}
    parts = []
    for name in names:
        try:
            parts += [PARTS[name](lang)] if name not in tested else []
        except InputError as error:
            if "got language" not in str(error):
                raise
    if not parts:
        raise InputError(f"training bitext: got language {lang!r}, expected one that {' or '.join(names)} covers")
    held = [text for c in collections for text in (*c.queries.values(), *c.translations.values())]
    return functools.reduce(operator.add, parts).clean(without=held)
