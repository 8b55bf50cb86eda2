"""Commands: what each is called and takes; the file of its name does it, and says what it does."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

from ..config import DistillConfig
from ..corpora import THREE_LETTERS
from ..datasets.reading import READERS
from ..settings import ROOT
from .options import Command, Option, flag, new_file, new_folder, number, take

MODEL = "minilm"
MODELS = "minilm, multilingual, a folder, or hub:OWNER/NAME"


def reading_to(of: str) -> Option:
    """How much of a text."""
    return take("--max-length", f"tokens that are read of a {of}", metavar="N")


def folder(said: str, required: bool = True) -> Option:
    """Where a command writes."""
    return take("--out", said, required=required, metavar="DIR", type=new_folder)


QUIET = flag("--quiet", "no progress bar")
# what to read; the options of a format that lacks them are refused
READING = [
    take("--collection", "pocket, afriqa, belebele, ...; a BEIR folder; see --format",
         metavar="PATH"),
    take("--format", f"of --collection: {', '.join(READERS)}", metavar="KIND"),
    take("--lang", "question language (default: the run's, where there is one)"),
    take("--split", "test, dev, ...: as the collection has them"),
    flag("--lenient", "leave out judgements of what is not there; trec: and words outside of the "
         "elements that are read"),
    take("--documents", "trec: if not in the folder; ir_datasets: of another data set",
         metavar="PATH"),
    take("--topics", "trec: if not in the folder", metavar="PATH"),
    take("--qrels", "trec: if not in the folder", metavar="PATH"),
    take("--fields", "trec: what of a topic is the question (title+desc)"),
    take("--encoding", "trec: of documents and topics (utf-8)"),
]  # fmt: skip
TEACHER = take("--teacher", "of a run that another model than the kit's taught", metavar="MODEL")
# which encoders a system has, and how their vectors are compared
TEACHING = [
    flag("--both", "the student reads the passages, too"),
    take("--model", f"which encoder, where that is the system: {MODELS}", MODEL),
    TEACHER,
    take("--scorer", "of token vectors, or of their means", "maxsim", choices=("maxsim", "mean")),
    reading_to("question or passage (256, the model's limit, or the index's)"),
]
# a ranking that is written
RANKING = [
    take("--k", "passages a question at most", 100),
    take("--ties", "equal scores at the last place: the first passage ids stay, or write "
         "all of them", "cut", choices=("cut", "all")),
    take("--out", "run file to write", required=True, metavar="RUN", type=new_file),
]  # fmt: skip


def training() -> list[Option]:
    """Every field of a training's configuration."""
    found = []
    for field in fields(DistillConfig):
        name, said = f"--{field.name.replace('_', '-')}", field.metadata["help"]
        if isinstance(field.default, bool):
            found.append(flag(name, said))
        elif field.default == ():
            found.append(take(name, said, (), nargs="*", metavar="N"))
        else:
            found.append(take(name, said, field.default))
    return found


def demo_folder(of: dict) -> Path:
    """A run folder for each collection, language and teacher."""
    model = "" if of["model"] == MODEL else f"_{Path(of['model']).name}"
    lang = THREE_LETTERS.get(of["lang"], of["lang"])  # an unknown one is refused by who reads it
    return ROOT / "runs" / f"demo_{of['collection']}_{lang}{model}"


TIES = take("--ties", "equal scores of a run file: expected takes the mean over their orders, "
            "trec trec_eval's order", "expected")  # fmt: skip
READS, ENCODES = (" ".join(name for name, _ in group) for group in (READING, TEACHING))
COMMANDS = {
    "check": Command("check"),
    "demo": Command(
        "demo --lang so",
        take("--collection", "pocket or afriqa", "pocket"),
        take("--lang", "question language", "sw"),
        take("--model", f"teacher: {MODELS}", MODEL),
        folder("run folder (default runs/demo_COLLECTION_LANG)", required=False),
        QUIET,
        defaults={"out": demo_folder},
        fills=["figures"],
        precision="float32",
    ),
    "fetch": Command(
        "fetch afriqa mafand tico19",
        take("dataset", "a data set of data/sources.tsv, or multilingual", nargs="+"),
    ),
    "train": Command(
        "train --bitext pairs.tsv --lang sw --out runs/mine",
        take("--bitext", "a UTF-8 TSV source<TAB>english; pocket; or published", required=True),
        take("--lang", "language code of the source side; of one's own pairs any (xx)"),
        take("--recipe", "published bitext: default, questions, plus, unasked, or parts "
             "joined by +", "default"),
        take("--hold-out", "collections whose questions to drop", [], nargs="*", metavar="NAME"),
        folder("run folder; an interrupted run is resumed"),
        take("--model", f"teacher: {MODELS}", MODEL),
        take("--fill", "first values of new rows: lexicon, mean, random; or none", "lexicon"),
        take("--lexicon", "ibm1, or symmetric: translations both directions agree on", "ibm1"),
        take("--size", "largest number of pieces learned from the source side", 20_000),
        *training(),
        take("--accumulate", "pieces of a process's pairs of a step, for less memory", 1,
             metavar="N"),
        take("--processes", "stop where another number shares the work", metavar="N"),
        QUIET,
        idle={
            "no --bitext published": "--recipe",
            "no --fill lexicon": "--lexicon",
            "--fill none": "--size",
            "no --trainable all and --row-rate": "--rate",
            "no --loss *transport*": "--solver --marginals --epsilon --reach --mass",
            "no --solver unbalanced": "--reach",
            "no --solver partial": "--mass",
            "--solver exact": "--epsilon",
        },
        precision="auto",
    ),
    "convert": Command(
        "convert --collection pocket --lang sw --to trec --out pocket_trec",
        *READING,
        take("--to", "form to write", required=True, choices=("trec", "beir")),
        folder("a new folder"),
    ),
    "index": Command(
        "index --format trec --collection pocket_trec --lang sw --out pocket_index",
        *READING,
        take("--model", f"encoder of the passages: {MODELS}", MODEL),
        reading_to("passage (256, or the model's limit)"),
        folder("a new folder"),
        take("--shard", "every N-th passage from the I-th on, into DIR/shard_I_of_N; "
             "what is there already stays", metavar="I/N"),
        take("--engine", "keep it in Qdrant: folder (in DIR) or a server's URL", metavar="WHERE"),
        take("--index", "of the same passages, to load into the engine", metavar="DIR"),
        QUIET,
        idle={"--engine": "--shard", "--index": "--max-length", "no --engine": "--index"},
        precision="auto",
    ),
    "search": Command(
        "search --system runs/mine --format trec --collection pocket_trec --out a.run",
        *READING,
        take("--system", "a run's folder, encoder (see --model), bm25 or structured",
             required=True),
        take("--bitext", "structured's: pocket, or pairs source<TAB>english", metavar="TSV"),
        take("--index", "made by index; else the cache's, built when missing", metavar="DIR"),
        take("--engine", "of the server that --index was loaded into", metavar="URL"),
        take("--candidates", "of an index in an engine: passages looked up by mean vectors, "
             "then scored, --k at least; 0 scores all", 0, metavar="N"),
        *TEACHING,
        *RANKING,
        QUIET,
        idle={
            "--system bm25": f"--index --engine --candidates {ENCODES}",
            "--system structured": f"--index --engine --candidates {ENCODES}",
            "no --system structured": "--bitext",
            "no --index": "--engine --candidates",
            "--system encoder": "--both --teacher",
            "no --system encoder": "--model",
            "--both": "--teacher",
        },
        precision="auto",
    ),
    "evaluate": Command(
        "evaluate --run runs/mine --collection pocket",
        *READING,
        take("--run", "a run made by train or demo, or encoder (see --model)", metavar="DIR"),
        *TEACHING,
        take("--trec-run", "instead: a run file, with --qrels", metavar="RUN"),
        take("--predictions", "instead: predictions for wpr, qadsm, qam or xor", metavar="FILE"),
        take("--tune", "pairs for qadsm's and qam's threshold (the .dev beside)", metavar="FILE"),
        TIES,
        QUIET,
        idle={
            "--trec-run": f"{READS.replace(' --qrels', '')} --tune {ENCODES}",
            "--predictions": f"--tune {ENCODES}",
            "no --trec-run": "--ties",
            "no --format qadsm and no --format qam": "--tune",
            **{f"--format {kind}": "--scorer" for kind in ("xor", "wpr", "qadsm", "qam")},
            "--run encoder": "--both --teacher",
            "no --run encoder": "--model",
            "--both": "--teacher",
        },
        defaults={"tune": lambda of: f"{os.path.splitext(of['collection'] or '')[0]}.dev"},
        precision="float32",
    ),
    "export": Command(
        "export --run runs/mine --to pylate --out mine_pylate",
        take("--run", f"a run's folder, or an encoder: {MODELS}", required=True, metavar="RUN"),
        take("--to", "library that loads the folder: sentence-transformers 6 or later, "
             "or PyLate", required=True, choices=("sentence-transformers", "pylate")),
        folder("a new folder"),
        reading_to("text (256, or the model's limit)"),
    ),
    "fuse": Command(
        "fuse student.run structured.run --out fused.run",
        take("trec_run", "two run files", nargs=2, metavar="RUN"),
        take("--share", "of the second run's scores in the sum", 0.5),
        *RANKING,
    ),
    "significance": Command(
        "significance plain.run student.run --qrels pocket_trec/qrels.txt",
        take("trec_run", "run files, the baseline first", nargs="+", metavar="RUN"),
        take("--qrels", "judgements", required=True, metavar="FILE"),
        take("--metric", "map, p@10, ndcg@10, r@100, mrr@10, ...", "map"),
        take("--test", "paired test", "permutation", choices=("permutation", "t")),
        take("--correction", "for many", "holm", choices=("holm", "bonferroni", "none")),
        TIES,
    ),
    "tables": Command(
        "tables --table demo --check",
        take("--table", "one table (default all); WORK/TABLE, a published one", metavar="NAME"),
        flag("--list", "name the tables and stop"),
        flag("--check", "compare with records, run cheap rows again; exit 1 if wrong"),
        flag("--write", "write the generated pages, and tables and numbers of others "
             "(make tables)"),
        flag("--run", "run what is missing of the comparison"),
        flag("--fold", "take records of --run into data/expected"),
        take("--records", "where --run writes and --fold reads (runs/records)", metavar="DIR"),
        take("--systems", "or groups, to --run (all) or --check again", nargs="+", metavar="NAME"),
        take("--langs", "codes to --run (all) or --check again (tw)", nargs="+", metavar="LANG"),
        take("--seeds", "to --run (the systems' own) or --check again (0)", nargs="+", metavar="N"),
        flag("--dev", "with --run: on development questions, to choose settings"),
        flag("--anew", "with --run: what data/expected has, too, to compare"),
        take("--format", "of what is printed", "md", choices=("md", "html", "latex")),
        idle={
            "--run": "--table --list --check --write --fold --format",
            "--fold": "--table --list --check --write --systems --langs --seeds --format",
            "--list": "--table --check --write --format",
            "--write": "--table --check --format",
            "--check": "--format",
            "no --run": "--dev --anew",
            "no --run and no --fold": "--records",
            "no --run and no --check": "--systems --langs --seeds",
        },
        defaults={"records": lambda of: ROOT / "runs" / "records"},
        fills=["README.md", "docs", "notebooks", "figures", "runs/grid"],
    ),
    "align": Command(
        'align "Maji safi ni muhimu." "Clean water is important." --lang sw --svg links.svg',
        take("source", "a sentence of the source language", nargs="?"),
        take("target", "its English translation", nargs="?"),
        take("--tsv", "instead: a UTF-8 file of lines source<TAB>english", metavar="PAIRS"),
        take("--pharaoh", "with --tsv: links to write, a line of i-j a pair", metavar="LINKS"),
        take("--lang", "language whose pocket bitext gives the words (default: the run's, or sw)"),
        take("--run", "the student of this run instead, beside its teacher", metavar="DIR"),
        take("--model", f"encoder without a run: {MODELS}; multilingual as it is", MODEL),
        TEACHER,
        take("--html", "write the explorer, of the pair or of pocket's, as a page", metavar="PATH"),
        take("--svg", "also draw the links", metavar="PATH"),
        take("--layer", "stop the encoders after this layer (default: the last)"),
        take("--method", "solver, or similarity for no transport", "stabilized"),
        take("--epsilon", "entropic regularisation", 0.05),
        take("--marginals", "same mass for tokens (uniform) or words (words)", "uniform"),
        take("--rule", "intersection, grow-diag, itermax, match, ...", "intersection"),
        take("--threshold", "least share of a word's mass for a link", 0.0),
        take("--level", "sum mass over words, then link (word), or link tokens (token)", "word"),
        take("--null", "a word that keeps less of its mass has no link", 0.0),
        take("--position", "cost of distance from the diagonal", 0.0),
        take("--reach", "unbalanced: price of leaving mass behind"),
        take("--mass", "partial: share of the mass that must move"),
        QUIET,
        idle={
            "--html and no target": "source",
            "--tsv": "source --svg",
            "no --run": "--teacher",
            "--run": "--model",
            "--run and no --html": "--lang",
            f"no --model {MODEL} and no --html": "--lang",
            # a page can be turned to every method
            "no --method unbalanced and no --html": "--reach",
            "no --method partial and no --html": "--mass",
            "no --method unbalanced and no --method partial and no --html": "--null",
            "--method exact and no --html": "--epsilon",
            "--method similarity and no --html": "--epsilon --marginals",
        },
    ),
    "paper": Command(
        "paper --config tiny --out runs/paper_tiny",
        take("--config", "optical_mbert, optical_xlmr or tiny", required=True),
        flag("--dry-run", "print settings, parameters, memory and hours, and stop"),
        take("--gpu", "with --dry-run: A100 or H100", "A100"),
        take("--share", "with --dry-run: share of the GPU's peak (0.3)",
             type=number(0.001, 1)),
        folder("a folder; an interrupted run is resumed", required=False),
        take("--model", "in place of the configuration's: a folder, or hub:OWNER/NAME"),
        take("--triples", "lines query<TAB>relevant<TAB>other, as MS MARCO's", metavar="TSV"),
        take("--bitext", "a TSV of sentence pairs", metavar="PATH"),
        take("--first-stage", "re-rank this TREC run in place of retrieving", metavar="RUN"),
        *READING,
        QUIET,
        idle={
            "no --dry-run": "--gpu --share",
            "--dry-run": f"--out --triples --bitext --first-stage {READS}",
        },
    ),
    "bench": Command(
        "bench distillation --json rows.json",
        take("name", "machine, distillation, encoding, ...: default all", [], nargs="*"),
        take("--repetitions", "of each side, after one that does not count", 5),
        take("--page", "page whose tables to replace, such as docs/performance.md; rows of "
             "benchmarks without a name here stay", metavar="MD"),
        precision="auto",
    ),
}  # fmt: skip
