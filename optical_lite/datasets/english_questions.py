"""English questions with the passages that answer them: what a teacher is tuned and chosen on.

No test passage of AfriQA and no article of XQuAD is among them. AfriQA's development questions are,
so no tuned teacher is to be judged by those. The default encoder's own training already held SQuAD
and Natural Questions (its model card), so a gain measured on CLAP NQ says less than one on AfriQA.
"""

from __future__ import annotations

from ..corpora import Bitext, Collection
from ..text import bare, fold
from .published import afriqa_gold, passage, read_lines, tidy
from .sources import read_json_lines
from .testsets import twins

PENN = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]", "``": '"', "''": '"'}
TIGHT = {f" {sign}": sign for sign in (",", ".", "?", ";", ":", "n't", "'s", ")")} | {"( ": "("}


def untokenise(text: str) -> str:
    r"""Running text from words in the Penn Treebank's form.

    >>> untokenise("it is n't a `` copper statue '' -lrb- 1858 -rrb- .")
    'it isn\'t a " copper statue " (1858).'
    """
    text = " ".join(PENN.get(word, word) for word in text.split())
    for loose, tight in TIGHT.items():
        text = text.replace(loose, tight)
    return text


def nqg_pairs() -> Bitext:
    """(question, sentence) of NQG's test part of SQuAD, lower case (CC BY-SA 4.0): 11,877 pairs."""
    files = (read_lines("nqg", f"data/processed/{side}-test.txt") for side in ("tgt", "src"))
    pairs = zip(*(map(untokenise, file) for file in files), strict=True)
    return Bitext("nqg", "en", "en", tuple(pairs))


def afriqa_pairs() -> Bitext:
    """(English question, passage) of AfriQA's train and dev questions, clear of its test questions.

    Dropped: passages that equal, contain or lie within a test passage of any language; questions
    worded like a test question; passages under 8 words. Passages have the form that the collection
    gives them.
    """
    gold = afriqa_gold()
    test = [row for _, split, row in gold if split == "test"]
    training = [row for _, split, row in gold if split != "test"]
    passages = {fold(row["context"]) for row in test}
    held, offered = "\n".join(passages), "\n".join(fold(row["context"]) for row in training)
    inner = [text for text in passages if len(text.split()) >= 8 and text in offered]
    questions = {bare(tidy(row["question_translated"])) for row in test}
    dropped, kept = {"test passage": 0, "test question": 0, "too short": 0}, []
    for row in training:
        question, key = tidy(row["question_translated"]), fold(row["context"])
        if key in held or any(text in key for text in inner):
            dropped["test passage"] += 1
        elif bare(question) in questions:
            dropped["test question"] += 1
        elif not question or len(key.split()) < 8:
            dropped["too short"] += 1
        else:
            kept.append((question, passage(row)))
    return Bitext("afriqa-english", "en", "en", tuple(kept), {"dropped": dropped})


def teacher_pairs() -> Bitext:
    """All training pairs of an English teacher: ``(question, passage)``, each distinct pair once.

    One passage answers several questions, so negatives drawn from a batch must leave out equal
    passages.
    """
    return (nqg_pairs() + afriqa_pairs()).clean()


def teacher_dev() -> Collection:
    """CLAP NQ's answerable dev questions over its own passages and AfriQA's training ones.

    Licences: Apache-2.0, CC BY 4.0. Its 297 passages alone are soon told apart; those of
    :func:`afriqa_pairs` stand beside them as distractors.
    """
    passages, queries = {}, {}
    for row in read_json_lines("clapnq", "annotated_data/dev/clapnq_dev_answerable.jsonl"):
        title, text = (untokenise(tidy(row["passages"][0][part])) for part in ("title", "text"))
        passages[row["id"]], queries[row["id"]] = f"{title}. {text}", tidy(row["input"])
    others = {f"a{number}": text for number, (_, text) in enumerate(afriqa_pairs().pairs)}
    gold = {name: name for name in queries}
    return twins("clapnq", "en", passages | others, queries, gold, dict(queries))
