"""Published data sets, read through :mod:`optical_lite.sources`: AfriQA, MAFAND, TICO-19, NTREX, FLORES.

What each file gets wrong, and what is done about it, is said where it is read.
"""

from __future__ import annotations

import html
import io
import json
import xml.etree.ElementTree as xml
import zipfile

from .corpora import THREE_LETTERS, Bitext, Collection, fold, language
from .settings import InputError
from .sources import paths, read, read_text

AFRIQA = ("hau", "ibo", "swa", "twi", "yor")
SPLITS = ("train", "dev", "test")


def _code(lang: str, known: set[str], name: str) -> str:
    """The three-letter code by which a data set knows a language."""
    code = next((k for k in sorted(known) if THREE_LETTERS.get(k) == language(lang)), None)
    if code is None:
        spoken = sorted({THREE_LETTERS[k] for k in known if k in THREE_LETTERS})
        raise InputError(f"{name}: got language {lang!r}, expected one of {', '.join(spoken)}")
    return code


def _lines(dataset: str, path: str) -> list[str]:
    return [line.strip() for line in read_text(dataset, path).rstrip("\n").split("\n")]


def _pair_up(name: str, lang: str, source: list[str], target: list[str]) -> Bitext:
    if len(source) != len(target):
        raise InputError(f"{name}: got {len(source)} source and {len(target)} English lines, expected as many")
    return Bitext(name, language(lang), "en", tuple(zip(source, target, strict=True)))


def mafand(lang: str, split: str = "train") -> Bitext:
    """MAFAND-MT news bitext (CC BY-NC 4.0). Its training part holds repeated and untranslated pairs: use ``clean``."""
    code = _code(lang, {"swa", "hau", "yor", "ibo", "zul"}, "mafand")
    if split not in SPLITS:
        raise InputError(f"mafand: got split {split!r}, expected one of {', '.join(SPLITS)}")
    stem = f"data/text_files/en-{code}/{split}"
    return _pair_up(f"mafand-{split}", lang, _lines("mafand", f"{stem}.{code}"), _lines("mafand", f"{stem}.en"))


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
    return _pair_up("tico19", lang, source, target)


def ntrex(lang: str) -> Bitext:
    """NTREX-128 news bitext (CC BY-SA 4.0); its lines end with CR LF, and Tagalog is called ``fil``."""
    known = {path.split(".")[-2] for path in paths("ntrex") if "-ref." in path}
    stem = "NTREX-128/newstest2019-"
    code = _code(lang, known, "ntrex")
    return _pair_up("ntrex", lang, _lines("ntrex", f"{stem}ref.{code}.txt"), _lines("ntrex", f"{stem}src.eng.txt"))


def flores(lang: str, split: str = "devtest") -> Bitext:
    """FLORES-200 (CC BY-SA 4.0): a test set, ``dev`` or ``devtest``; not for training."""
    if split not in ("dev", "devtest"):
        raise InputError(f"flores: got split {split!r}, expected 'dev' or 'devtest'")
    folder = f"data/common-parallel-corpora/flores-200-{split}"
    files = {path.rsplit("/", 1)[1].split(".")[0]: path for path in paths("flores") if path.startswith(folder + "/")}
    code = _code(lang, {name[:3] for name in files}, f"flores {split}")
    source = next(path for name, path in files.items() if name.startswith(code))
    return _pair_up(f"flores-{split}", lang, _lines("flores", source), _lines("flores", files["eng_Latn"]))


def _json_lines(path: str) -> list[dict]:
    """Read AfriQA's JSON lines; bare ``NaN`` values (not strict JSON) become None."""
    return [json.loads(line, parse_constant=lambda _: None) for line in read_text("afriqa", path).splitlines() if line]


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def afriqa_questions(lang: str, split: str) -> Bitext:
    """AfriQA's questions with their human translations, as bitext (CC BY 4.0); empty questions are left out."""
    code = _code(lang, set(AFRIQA), "afriqa")
    rows = _json_lines(f"data/queries/{code}/queries.afriqa.{code}.en.{split}.json")
    pairs = ((_text(row["question"]), _text(row["translated_question"])) for row in rows)
    return Bitext(f"afriqa-{split}", language(lang), "en", tuple(pair for pair in pairs if all(pair)))


def _afriqa_gold() -> list[tuple[str, str, dict]]:
    """Every gold record with a passage: (language, split, record). Ids restart in every file: the triple is the key."""
    found = []
    for path in paths("afriqa"):
        if "/gold_passages/" in path:
            code, split = path.split("/")[2], path.split(".")[-2]
            found += [(code, split, row) for row in _json_lines(path) if _text(row["context"])]
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
    code = _code(lang, set(AFRIQA), "afriqa")
    gold = _afriqa_gold()
    passages: dict[str, str] = {}  # folded text -> id
    texts: dict[str, str] = {}
    for _, _, row in gold:
        key = fold(row["context"])
        if key not in passages:
            passages[key] = f"p{len(passages)}"
            title = _text(row.get("title"))
            texts[passages[key]] = f"{title}. {_text(row['context'])}" if title else _text(row["context"])
    mine = [row for where, part, row in gold if (where, part) == (code, split)]
    if not mine:
        have = sorted({f"{where} {part}" for where, part, _ in gold})
        raise InputError(f"afriqa: got {code} {split}, expected one with gold passages: {', '.join(have)}")
    training = [row for _, part, row in gold if part != "test"]
    seen_passages = {fold(row["context"]) for row in training}
    seen_questions = {fold(_text(row["question_translated"])) for row in training}
    long_enough = {text for text in passages if len(text.split()) >= 8}
    queries, translations, qrels, flags = {}, {}, {}, {}
    for row in mine:
        question, translation = _text(row["question_lang"]), _text(row["question_translated"])
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


def training_bitext(lang: str, hold_out: Collection | None = None) -> Bitext:
    """The recommended training pairs of a language: MAFAND and TICO-19, cleaned; FLORES and NTREX stay test sets.

    Pairs with a side equal to a question (or its translation) of ``hold_out`` are dropped, and counted in ``notes``.
    """
    parts = []
    for reader in (mafand, tico19):
        try:
            parts.append(reader(lang))
        except InputError as error:
            if "got language" not in str(error):
                raise
    if not parts:
        raise InputError(f"training bitext: got language {lang!r}, expected one that MAFAND or TICO-19 covers")
    held = [*hold_out.queries.values(), *hold_out.translations.values()] if hold_out else []
    whole = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    return whole.clean(without=held)
