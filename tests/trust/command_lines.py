"""Command lines and environment variables, mutated, and valid ones over mutated files."""

from __future__ import annotations

import functools
import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout

from optical_lite import settings
from optical_lite.settings import DATA, InputError

from .cases import Case, Target, Wrong, pairs, tree
from .mutations import TOKENS, arguments

SAMPLES = DATA / "samples"
VARIABLES = ("PROFILE", "SEED", "THREADS", "DEVICE", "PRECISION", "CACHE", "MODELS", "MIRROR")


def main(case: Case, words: list[str]) -> object:
    from optical_lite import __main__

    out, err, here = io.StringIO(), io.StringIO(), os.getcwd()
    os.chdir(case.folder / "in")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = __main__.main(words)
    except SystemExit as error:  # the parser's own refusal, or --help
        if error.code == 0:
            return out.getvalue()
        raise InputError("usage") from None
    finally:
        os.chdir(here)
    said = err.getvalue().splitlines()
    if code == 2:
        if not said or not said[-1].startswith("error: ") or sum(line.startswith("error: ") for line in said) != 1:
            raise Wrong(f"said {said[-3:]}")
        raise InputError(said[-1])
    for place in (case.folder / "in").glob("*.result.json"):
        json.loads(place.read_text(encoding="utf-8"), parse_constant=no_number)
    return out.getvalue()


def no_number(text: str) -> float:
    raise Wrong(f"{text} in JSON")


LINES = [
    "convert --format trec --collection trec --lang sw --encoding iso-8859-1 --to beir --out o",
    "convert --collection beir --lang sw --to trec --out o",
    "convert --collection pocket --lang sw --split dev --to trec --out o",
    "convert --format msmarco --collection msmarco --lang en --to beir --out o",
    "search --system bm25 --collection beir --lang sw --k 3 --out o.run",
    "search --system structured --bitext pairs.tsv --collection beir --lang sw --out o.run",
    "evaluate --trec-run trec/sample.run --qrels trec/qrels.txt --json a.result.json",
    "evaluate --trec-run trec/sample.run --qrels trec/qrels.txt --ties trec --json a.result.json",
    "evaluate --format xor --collection xor --predictions xor/predictions.json --json a.result.json",
    "evaluate --format wpr --collection xglue/xglue.wpr.de.test --predictions wpr.txt --json a.result.json",
    "fuse trec/sample.run other.run --share 0.3 --k 5 --out o.run",
    "significance trec/sample.run other.run --qrels trec/qrels.txt --metric map --test t --json a.result.json",
    "significance trec/sample.run other.run --qrels trec/qrels.txt --metric ndcg@10 --correction bonferroni",
    "tables --list",
    "tables --table demo --format html",
    "fetch afriqa",
    "paper --config optical_mbert --dry-run --gpu H100 --share 0.3",
    "paper --config tiny --dry-run",
]
MORE = [
    "--k", "--share", "--lang", "--format", "--collection", "--split", "--fields", "--encoding", "--ties",
    "--metric", "--test", "--correction", "--json", "--qrels", "--documents", "--topics", "--lenient", "--out",
    "--run", "--predictions", "--tune", "--both", "--trec-run", "--quiet", "--index", "--bitext", "--system",
    "--to", "--table", "--gpu", "--help",
]  # fmt: skip


@functools.cache
def workplace() -> dict[str, bytes]:
    """All samples, and a second run, predictions and pairs beside them."""
    found = tree(SAMPLES)
    found["other.run"] = found["trec/sample.run"].replace(b" sample", b" other").replace(b" 9.5 ", b" 0.5 ")
    found["wpr.txt"] = b"".join(b"%d\n" % (n % 4) for n in range(found["xglue/xglue.wpr.de.test"].count(b"\n")))
    found["pairs.tsv"] = pairs(40)["pairs.tsv"]
    return found


def options(case: Case) -> object:
    """A mutated command line over valid files."""
    words = arguments(case.chance.choice(LINES).split(), case.chance, MORE)
    case.said.append(" ".join(map(repr, words))[:400])
    return main(case, words)


def files_and_command(case: Case) -> object:
    """A valid command line over mutated files."""
    words = case.chance.choice(LINES)
    case.said.append(words)
    return main(case, words.split())


def environment(case: Case) -> object:
    """Settings from mutated environment variables."""
    names = [
        f"OPTICAL_LITE_{x}" for x in ("PROFILE", "SEED", "THREADS", "DEVICE", "PRECISION", "CACHE", "MODELS", "MIRROR")
    ]
    before = dict(os.environ)
    try:
        for name in case.chance.sample([*names, "OMP_NUM_THREADS", "HOME"], case.chance.choice((1, 1, 2))):
            os.environ[name] = case.chance.choice([*TOKENS, "4", "cpu", "real", "bf16"]).replace("\x00", "0")
            case.said.append(f"{name}={os.environ[name][:60]!r}")
        settings.get.cache_clear()
        settings.device.cache_clear()
        found = settings.get()
        settings.device()
        return found
    finally:
        os.environ.clear()
        os.environ.update(before)
        settings.get.cache_clear()
        settings.device.cache_clear()


TARGETS = {
    "options": Target(workplace, options, 3),
    "files of commands": Target(workplace, files_and_command),
    "environment": Target(dict, environment),
}
