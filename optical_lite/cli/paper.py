"""The experiment at its real size, or on a random tiny BERT; --dry-run says what it costs."""

from dataclasses import replace
from pathlib import Path

from ..settings import InputError, one_of
from .options import Parser, number, reading


def options(parser: Parser) -> None:
    """Which configuration, and its data; or the GPU that a dry run is about."""
    add = parser.option
    add("--config", None, "optical_mbert, optical_xlmr, drdecr_xlmr or tiny", required=True)
    parser.flag("--dry-run", "print settings, parameters, memory and hours, and stop")
    add("--gpu", "A100", "with --dry-run: A100 or H100")
    peak = number(0, 1, above=True)
    add("--share", None, "with --dry-run: share of the GPU's peak (0.3)", type=peak)
    add("--out", None, "a folder; an interrupted run is resumed", metavar="DIR")
    add("--model", None, "in place of the configuration's: a folder, or hub:OWNER/NAME")
    add("--triples", None, "lines query<TAB>relevant<TAB>other, as MS MARCO's", metavar="TSV")
    add("--bitext", None, "a TSV of sentence pairs", metavar="PATH")
    add("--first-stage", None, "re-rank this TREC run in place of retrieving", metavar="RUN")
    reading(parser)
    parser.flag("--quiet", "no progress bars")


def command(
    *, config: str, dry_run: bool, gpu: str, share: float | None, out: str | None,
    model: str | None, triples: str | None, bitext: str | None, first_stage: str | None,
    quiet: bool, collection: str | None, lang: str | None, **where: object,
) -> dict:  # fmt: skip
    """Run it on what ``collection``, ``lang`` and ``where`` say, see :func:`.inputs.read`."""
    from ..paper.configs import CONFIGS

    one_of("paper: got --config", config, CONFIGS)
    asked = replace(CONFIGS[config], model=model or CONFIGS[config].model)
    if dry_run:
        from ..paper import budget

        return budget.report(asked, gpu, share)
    from ..formats import trec
    from ..paper import experiment
    from . import inputs, run_files

    given = {"triples": triples, "bitext": bitext, "collection": collection, "lang": lang}
    if asked.model == "tiny":
        samples = experiment.TRIPLES, "pocket", "pocket", "sw"
        given = {n: given[n] or sample for n, sample in zip(given, samples, strict=True)}
    missing = [f"--{name}" for name, value in {**given, "out": out}.items() if not value]
    if missing:
        expected = f"them for {config}; or give --dry-run"
        raise InputError(f"paper: got no {', '.join(missing)}, expected {expected}")
    lang = given["lang"]
    data = inputs.ranked(inputs.read(collection=given["collection"], lang=lang, **where), "paper")
    # before the days of training
    trec.need_columns(*data.queries, *data.passages, of=Path(out) / "rankings")
    first = trec.read_run(first_stage) if first_stage else None
    if first is not None:
        run_files.meet({first_stage: first}, data.queries, data.name)
    pairs = inputs.read_pairs(given["bitext"], lang).clean()
    how = {"first": first, "progress": not quiet}
    found = experiment.run(asked, given["triples"], pairs, data, out, **how)
    say(out, found, data.lang)
    return found


def say(out: str, found: dict, lang: str) -> None:
    """Print what an experiment has found."""
    print(
        f"{out}: {found['step']}, {found['questions']} questions ({lang}), "
        f"{found['documents']:,} documents; {found['questions_cut']:,} questions and "
        f"{found['passages_cut']:,} of {found['passages']:,} passages were cut"
    )
    for name, values in found["systems"].items():
        said = ", ".join(f"{metric} {value:.3f}" for metric, value in values.items())
        print(f"  {name:<12}{said}")
    for metric, tests in found["tests"].items():
        said = []
        for name, test in tests.items():
            p = "not computable" if (x := test["p_bonferroni"]) is None else f"= {x:.4f}"
            said.append(f"{name} {test['difference']:+.3f} (p {p})")
        print(f"  student against, {metric}: {'; '.join(said)}")
