"""The experiment at its real size, or on a random tiny BERT; --dry-run says what it costs."""

from dataclasses import replace
from pathlib import Path

from ..settings import InputError
from .options import Parser, number, reading


def options(parser: Parser) -> None:
    """Which configuration, and its data; or the GPU that a dry run is about."""
    parser.add_argument("--config", required=True, help="optical_mbert, optical_xlmr, drdecr_xlmr or tiny")
    parser.add_argument("--dry-run", action="store_true", help="print settings, parameters, memory and hours, and stop")
    parser.add_argument("--gpu", default="A100", help="with --dry-run: A100 or H100 (A100)")
    peak = number(0, 1, above=True)
    parser.add_argument("--share", type=peak, help="with --dry-run: share of the GPU's peak (0.3)")
    parser.add_argument("--out", metavar="DIR", help="a folder; an interrupted run is resumed")
    parser.add_argument("--model", help="in place of the configuration's: a folder, or hub:OWNER/NAME")
    parser.add_argument("--triples", metavar="TSV", help="lines query<TAB>relevant<TAB>other, as MS MARCO's")
    parser.add_argument("--bitext", metavar="PATH", help="a TSV, or the stem of STEM.sw and STEM.en as OPUS has them")
    parser.add_argument("--first-stage", metavar="RUN", help="re-rank this TREC run in place of retrieving")
    reading(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def command(
    *, config: str, dry_run: bool, gpu: str, share: float | None, out: str | None, model: str | None,
    triples: str | None, bitext: str | None, first_stage: str | None, quiet: bool, collection: str | None,
    lang: str | None, **where: object,
) -> dict:  # fmt: skip
    """Run it on what ``collection``, ``lang`` and ``where`` say, see :func:`.inputs.read`."""
    from ..paper.configs import CONFIGS

    if config not in CONFIGS:
        raise InputError(f"paper: got --config {config!r}, expected one of {', '.join(CONFIGS)}")
    asked = replace(CONFIGS[config], model=model or CONFIGS[config].model)
    if dry_run:
        from ..paper import budget

        return budget.report(asked, gpu, share)
    from ..formats import trec
    from ..paper import experiment
    from . import inputs, run_files

    given = {"triples": triples, "bitext": bitext, "collection": collection, "lang": lang}
    if asked.model == "tiny":
        samples = {"triples": experiment.TRIPLES, "bitext": "pocket", "collection": "pocket", "lang": "sw"}
        given = {name: value or samples[name] for name, value in given.items()}
    missing = [f"--{name}" for name, value in {**given, "out": out}.items() if not value]
    if missing:
        raise InputError(f"paper: got no {', '.join(missing)}, expected them for {config}; or give --dry-run")
    lang = given["lang"]
    data = inputs.ranked(inputs.read(collection=given["collection"], lang=lang, **where), "paper")
    trec.need_columns(*data.queries, *data.passages, of=Path(out) / "rankings")  # before the days of training
    first = trec.read_run(first_stage) if first_stage else None
    if first is not None:
        run_files.meet({first_stage: first}, data.queries, data.name)
        if odd := {name for query in data.queries for name, _ in first.get(query, ())} - data.passages.keys():
            raise InputError(f"{first_stage}: got {min(odd)!r}, expected documents of {data.name}")
    pairs = experiment.read_pairs(given["bitext"], lang)
    found = experiment.run(asked, given["triples"], pairs, data, out, first=first, progress=not quiet)
    say(out, found, data.lang)
    return found


def say(out: str, found: dict, lang: str) -> None:
    """Print what an experiment has found."""
    print(
        f"{out}: {found['step']}, {found['questions']} questions ({lang}), {found['documents']:,} documents; "
        f"{found['questions_cut']:,} questions and {found['passages_cut']:,} of {found['passages']:,} passages were cut"
    )
    for name, values in found["systems"].items():
        print(f"  {name:<12}" + ", ".join(f"{metric} {value:.3f}" for metric, value in values.items()))
    for metric, tests in found["tests"].items():
        p = {n: "not computable" if (x := t["p_bonferroni"]) is None else f"= {x:.4f}" for n, t in tests.items()}
        said = "; ".join(f"{n} {t['difference']:+.3f} (p {p[n]})" for n, t in tests.items())
        print(f"  student against, {metric}: {said}")
