"""The command line: ``python -m optical_lite COMMAND``. Thin: every command is a function of the package."""

from __future__ import annotations

import argparse
import sys

from .cli import console, options
from .cli.commands import check, convert, evaluate, index, read_pairs, said_cut, search
from .cli.run_files import fuse, significance
from .config import SETTINGS, DistillConfig
from .json_files import write_json
from .settings import PRECISIONS, computing_in, precision, precision_line

MODEL = "minilm"
MODELS = "minilm (default), multilingual, a folder, or hub:OWNER/NAME"
EPILOG = """examples:
  python -m optical_lite check
  python -m optical_lite demo --lang so
  python -m optical_lite demo --collection afriqa --lang swa --json demo.json
  python -m optical_lite fetch afriqa mafand tico19
  python -m optical_lite train --bitext pairs.tsv --lang sw --out runs/mine
  python -m optical_lite align "Maji safi ni muhimu." "Clean water is important." --lang sw
  python -m optical_lite evaluate --run runs/mine --collection my_beir_folder
  python -m optical_lite search --system bm25 --collection pocket --lang sw --out bm25.run
  python -m optical_lite tables --check
"""


def demo(args: argparse.Namespace) -> dict:
    """Train a student and compare it with its baselines."""
    from .study import demo

    return demo.run(args.collection, args.lang, out=args.out, progress=not args.quiet, model=args.model).record()


def fetch(args: argparse.Namespace) -> dict:
    """Download and verify real data, or an encoder that the kit knows by name."""
    from . import model_files
    from .datasets import sources

    found = {}
    for name in args.dataset:
        if name in model_files.KNOWN:
            folder, form = model_files.folder(name)
            found[name] = [str(folder)]
            print(f"{name}: {form} in {folder}, verified")
            continue
        files = sources.fetch(name)
        found[name] = [str(path) for path in files]
        licence = sources.registry()[name, sources.paths(name)[0]].licence
        print(f"{name}: {len(files)} files verified; licence {licence}")
    return found


def train(args: argparse.Namespace) -> dict:
    """Distil a student from sentence pairs."""
    from . import vocabulary
    from .datasets import published, testsets
    from .encoder import Encoder
    from .training import distill, runs

    if args.bitext == "published":
        bitext = published.training_bitext(
            args.lang, [testsets.load(name, args.lang) for name in args.hold_out], args.recipe
        )
    else:
        bitext = read_pairs(args.bitext, args.lang)
    config = DistillConfig(**{name: getattr(args, name) for name in SETTINGS})
    english = Encoder.load(args.model).requires_grad_(False)
    print(precision_line())
    english = english.reading_to(max(english.max_length, config.max_length))
    student = vocabulary.extend(english, bitext, size=args.size, fill=args.fill, lexicon=args.lexicon)
    run = distill.distill(student, english, bitext, config, args.out, progress=not args.quiet)
    found = runs.read_metrics(run)
    print(
        f"{run}: {len(bitext):,} pairs, {found['steps']} steps, "
        f"loss {found['loss_first']:.4f} -> {found['loss_last']:.4f}"
    )
    for side, cut in found["sentences_cut"].items():
        said_cut(f"{side} sentences", cut, len(bitext), english.reading_to(config.max_length))
    return {"run": str(run), "precision": precision(), **found}


def tune(args: argparse.Namespace) -> dict:
    """Tune a teacher for MaxSim, and compare it with the untouched one on English questions."""
    from .training import teacher as tuning

    return tuning.command(args)


def tables(args: argparse.Namespace) -> dict:
    """Published numbers beside ours; check that they still hold."""
    from .study import check as reproduce

    if args.run:
        return reproduce.run_grid(args.systems, args.langs, args.seeds, dev=args.dev)
    chosen = {name: value for name in ("systems", "langs", "seeds") if (value := getattr(args, name))}
    found, args.exit = reproduce.command(
        args.table, list_all=args.list, check_all=args.check, dry_run=args.dry_run, write_all=args.write,
        kind=args.format, chosen=chosen,
    )  # fmt: skip
    return found


def align(args: argparse.Namespace) -> dict:
    """Link the words of a sentence pair, or of a file of pairs, by a transport plan."""
    from .cli import align

    return align.command(args)


def bench(args: argparse.Namespace) -> list:
    """Measure ours against its peers, side by side in one run."""
    from .bench import runner as bench

    return bench.command(args.name, args.repetitions, args.json, args.page)


def paper(args: argparse.Namespace) -> dict:
    """The experiment at its real size, or on a random tiny BERT; --dry-run says what it costs."""
    from .cli import paper

    return paper.command(args)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = options.Parser(
        "optical_lite", description="Optimal-transport distillation for cross-lingual retrieval.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = top.add_subparsers(dest="command", required=True)

    def add(function, example: str) -> argparse.ArgumentParser:
        text = function.__doc__.strip()
        sub = commands.add_parser(function.__name__, help=text.splitlines()[0], description=text,
                                  epilog=f"example: python -m optical_lite {example}")  # fmt: skip
        sub.add_argument("--json", metavar="PATH", help="also write the result as JSON")
        sub.set_defaults(function=function, exit=0)
        return sub

    def reading(sub: argparse.ArgumentParser) -> None:
        """What to read; the options of a format that lacks them are refused."""
        sub.add_argument(
            "--collection", metavar="PATH", help="pocket, afriqa, belebele, ...; a BEIR folder; see --format"
        )
        sub.add_argument("--format", metavar="KIND", help="trec, msmarco, mmarco, wikiclir, clirmatrix, ir_datasets, "
                         "xor, wpr, qadsm, qam or beir: the form of --collection")  # fmt: skip
        sub.add_argument("--lang", help="question language (default: the run's, where there is one)")
        sub.add_argument("--split", help="test, dev, ...: as the collection has them")
        sub.add_argument("--lenient", action="store_true", help="leave out judgements of what is not there")
        for name in ("documents", "topics", "qrels"):
            sub.add_argument(f"--{name}", metavar="PATH", help="trec: if not in the folder")
        sub.add_argument("--fields", help="trec: what of a topic is the question (title+desc)")
        sub.add_argument("--encoding", help="trec: of documents and topics (utf-8)")

    def number_type(sub: argparse.ArgumentParser, default: str) -> None:
        """Of matrix products; the environment's goes before the default."""
        sub.add_argument("--precision", choices=PRECISIONS, help="number type of matrix products; auto: bf16 where the "
                         f"processor has it (OPTICAL_LITE_PRECISION, else {default})")  # fmt: skip
        sub.set_defaults(default_precision=default)

    def length(sub: argparse.ArgumentParser) -> None:
        """Of a ranking that is written."""
        sub.add_argument("--k", type=int, default=100, help="passages a question at most (100)")
        sub.add_argument("--ties", choices=("cut", "all"), default="cut", help="equal scores at the last place: cut to "
                         "k, the first passage ids stay (default), or write all of them")  # fmt: skip

    def reading_to(sub: argparse.ArgumentParser, of: str) -> None:
        sub.add_argument("--max-length", type=int, metavar="N", help=f"tokens that are read of a {of}")

    def teaching(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--model", default=MODEL, help=f"which encoder, where that is the system: {MODELS}")
        sub.add_argument("--teacher", metavar="MODEL", help="of a run that another model than the kit's taught")
        sub.add_argument("--scorer", default="maxsim", choices=("maxsim", "mean"), help="of token vectors, or of their "
                         "means (maxsim)")  # fmt: skip
        reading_to(sub, "question or passage (256, the model's limit, or the index's)")

    add(check, "check")
    sub = add(demo, "demo --lang so")
    sub.add_argument("--collection", default="pocket", help="pocket (default) or afriqa")
    sub.add_argument("--lang", default="sw", help="question language (default sw)")
    number_type(sub, "float32")
    sub.add_argument("--model", default=MODEL, help=f"teacher: {MODELS}")
    sub.add_argument("--out", metavar="DIR", help="run folder (default runs/demo_COLLECTION_LANG)")
    sub.add_argument("--quiet", action="store_true", help="no progress bars")
    sub = add(fetch, "fetch afriqa mafand tico19")
    sub.add_argument("dataset", nargs="+", help="a data set of data/sources.tsv, or multilingual")
    sub = add(train, "train --bitext pairs.tsv --lang sw --out runs/mine")
    sub.add_argument("--bitext", required=True, help="a UTF-8 TSV source<TAB>english; or pocket; or published")
    sub.add_argument("--lang", default="xx", help="language code of the source side; need not be in any list")
    sub.add_argument("--recipe", default="default", help="published bitext: default, plus, or parts joined by +")
    sub.add_argument("--hold-out", nargs="*", default=[], metavar="NAME", help="collections whose questions to drop")
    sub.add_argument("--out", required=True, metavar="DIR", help="run folder; an interrupted run is resumed")
    sub.add_argument("--model", default=MODEL, help=f"teacher: {MODELS}")
    sub.add_argument(
        "--fill", default="lexicon", help="first values of new rows: lexicon, transport, mean or random; or none"
    )
    sub.add_argument("--lexicon", default="ibm1", help="ibm1, or symmetric: translations both directions agree on")
    for name, meaning in SETTINGS.items():
        value, option = getattr(DistillConfig, name), name.replace("_", "-")
        sub.add_argument(f"--{option}", type=type(value), default=value, help=f"{meaning} (default {value})")
    number_type(sub, "auto")
    sub.add_argument("--size", type=int, default=20_000, help="largest number of pieces learned from the source side")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    sub = add(convert, "convert --collection pocket --lang sw --to trec --out pocket_trec")
    reading(sub)
    sub.add_argument("--to", required=True, choices=("trec", "beir"), help="form to write")
    sub.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    sub = add(index, "index --format trec --collection pocket_trec --lang sw --out pocket_index")
    reading(sub)
    number_type(sub, "auto")
    sub.add_argument("--model", default=MODEL, help=f"encoder of the passages: {MODELS}")
    reading_to(sub, "passage (256, or the model's limit)")
    sub.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    sub = add(
        search, "search --system runs/mine --format trec --collection pocket_trec --index pocket_index --out a.run"
    )
    reading(sub)
    sub.add_argument("--system", required=True, help="a run's folder, encoder (see --model), bm25 or structured")
    sub.add_argument("--bitext", metavar="TSV", help="pocket, or pairs source<TAB>english: structured's lexicon")
    number_type(sub, "auto")
    sub.add_argument("--index", metavar="DIR", help="made by index; else the cache folder's, built when missing")
    sub.add_argument("--both", action="store_true", help="the student reads the passages, too")
    teaching(sub)
    length(sub)
    sub.add_argument("--out", required=True, metavar="RUN", help="run file to write")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    sub = add(evaluate, "evaluate --run runs/mine --collection pocket")
    reading(sub)
    number_type(sub, "float32")
    sub.add_argument("--run", metavar="DIR", help="a run made by train or demo")
    sub.add_argument("--both", action="store_true", help="the student reads the passages, too")
    teaching(sub)
    sub.add_argument("--trec-run", metavar="RUN", help="instead: a run file, with --qrels")
    sub.add_argument("--predictions", metavar="FILE", help="instead: predictions for wpr, qadsm, qam or xor")
    sub.add_argument("--tune", metavar="FILE", help="pairs that set the threshold of qadsm and qam (the .dev beside)")
    sub.add_argument("--ties", default="expected", help="of a run file: expected, or trec for trec_eval's order")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    sub = add(fuse, "fuse student.run structured.run --out fused.run")
    sub.add_argument("trec_run", nargs=2, metavar="RUN", help="two run files")
    sub.add_argument("--share", type=float, default=0.5, help="of the second run's scores in the sum (0.5)")
    length(sub)
    sub.add_argument("--out", required=True, metavar="RUN", help="run file to write")
    sub = add(significance, "significance bm25.run student.run --qrels pocket_trec/qrels.txt")
    sub.add_argument("trec_run", nargs="+", metavar="RUN", help="run files, the baseline first")
    sub.add_argument("--qrels", required=True, metavar="FILE", help="judgements")
    sub.add_argument("--metric", default="map", help="map, p@10, ndcg@10, r@100, mrr@10, ... (map)")
    sub.add_argument("--test", default="permutation", choices=("permutation", "t"), help="paired test (permutation)")
    sub.add_argument("--correction", default="holm", choices=("holm", "bonferroni", "none"), help="for many (holm)")
    sub.add_argument("--ties", default="expected", help="expected, or trec for trec_eval's order")
    sub = add(tune, "tune --out runs/teacher")
    sub.add_argument("--out", required=True, metavar="DIR", help="folder of the tuned teacher; a finished one is kept")
    number_type(sub, "auto")
    sub.add_argument("--model", default=MODEL, help=f"what to start from: {MODELS}")
    reading_to(sub, "passage (180)")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    sub = add(tables, "tables --table demo --check")
    sub.add_argument("--table", metavar="NAME", help="one table (default all); WORK/TABLE prints a published one")
    sub.add_argument("--list", action="store_true", help="name the tables and stop")
    sub.add_argument("--check", action="store_true", help="compare with records, run cheap rows again; exit 1 if wrong")
    sub.add_argument("--dry-run", action="store_true", help="say what --check would run, and run nothing")
    sub.add_argument("--write", action="store_true", help="write the generated pages and README tables (make tables)")
    sub.add_argument("--run", action="store_true", help="run what is missing of the comparison, then its summary")
    sub.add_argument("--systems", nargs="+", metavar="NAME", help="systems or groups to --run (all) or --check again")
    sub.add_argument("--langs", nargs="+", metavar="LANG", help="two-letter codes to --run (all) or --check again (tw)")
    sub.add_argument("--seeds", nargs="+", type=int, metavar="N", help="to --run (0 to 4) or --check again (0)")
    sub.add_argument("--dev", action="store_true", help="with --run: on development questions, to choose settings")
    sub.add_argument("--format", choices=("md", "html", "latex"), default="md", help="of what is printed (default md)")
    sub = add(align, 'align "Maji safi ni muhimu." "Clean water is important." --lang sw --svg links.svg')
    sub.add_argument("source", nargs="?", help="a sentence of the source language")
    sub.add_argument("target", nargs="?", help="its English translation")
    sub.add_argument("--tsv", metavar="PAIRS", help="instead: a UTF-8 file of lines source<TAB>english")
    sub.add_argument("--pharaoh", metavar="LINKS", help="with --tsv: links to write, a line of i-j a pair")
    sub.add_argument("--lang", default="sw", help="language whose pocket bitext gives the words (sw)")
    sub.add_argument("--run", metavar="DIR", help="the student of this run instead")
    sub.add_argument("--html", metavar="PATH", help="write the explorer as a page, of the pair or of pocket gold")
    sub.add_argument("--svg", metavar="PATH", help="also draw the links")
    sub.add_argument("--layer", type=int, help="stop the encoders after this layer (default: the last)")
    sub.add_argument("--method", default="stabilized", help="solver, or similarity for no transport (stabilized)")
    sub.add_argument("--epsilon", type=float, default=0.05, help="entropic regularisation (0.05)")
    sub.add_argument("--marginals", default="uniform", help="same mass for tokens (uniform) or for words (words)")
    sub.add_argument("--rule", default="intersection", help="intersection, grow-diag, itermax, match, ...")
    sub.add_argument("--threshold", type=float, default=0.0, help="least share of a word's mass for a link (0)")
    sub.add_argument("--level", default="word", help="sum mass over words, then link (word), or link tokens (token)")
    sub.add_argument("--null", type=float, default=0.0, help="a word that keeps less of its mass has no link (0)")
    sub.add_argument("--position", type=float, default=0.0, help="cost of distance from the diagonal (0)")
    sub.add_argument("--reach", type=float, help="of --method unbalanced")
    sub.add_argument("--mass", type=float, help="of --method partial")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    sub = add(paper, "paper --config tiny --out runs/paper_tiny")
    sub.add_argument("--config", required=True, help="optical_mbert, optical_xlmr, drdecr_xlmr or tiny")
    sub.add_argument("--dry-run", action="store_true", help="print settings, parameters, memory and hours, and stop")
    sub.add_argument("--gpu", default="A100", help="with --dry-run: A100 or H100 (A100)")
    peak = options.number(0, 1, above=True)
    sub.add_argument("--share", type=peak, help="with --dry-run: share of the GPU's peak (0.3)")
    sub.add_argument("--out", metavar="DIR", help="a folder; an interrupted run is resumed")
    sub.add_argument("--model", help="in place of the configuration's: a folder, or hub:OWNER/NAME")
    sub.add_argument("--triples", metavar="TSV", help="lines query<TAB>relevant<TAB>other, as MS MARCO's")
    sub.add_argument("--bitext", metavar="PATH", help="a TSV, or the stem of STEM.sw and STEM.en as OPUS has them")
    sub.add_argument("--first-stage", metavar="RUN", help="re-rank this TREC run in place of retrieving")
    reading(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bars")
    sub = add(bench, "bench distillation --json rows.json")
    sub.set_defaults(default_precision="auto")
    sub.add_argument("name", nargs="*", help="machine, distillation, encoding, transport, ...: default all")
    sub.add_argument("--repetitions", type=int, default=5, help="of each side, after one that does not count (5)")
    sub.add_argument("--page", metavar="MD", help="also replace the table of this page, as in docs/performance.md")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code, see :mod:`optical_lite.cli.console`."""

    def run() -> int:
        args = parser().parse_args(arguments)
        with computing_in(getattr(args, "precision", None), getattr(args, "default_precision", "float32")):
            result = args.function(args)
        if args.json:
            write_json(args.json, result)
        return args.exit

    return console.guarded(run)


if __name__ == "__main__":
    sys.exit(main())
