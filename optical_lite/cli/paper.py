"""The experiment at its real size, or on a random tiny BERT; --dry-run says what it costs."""

from dataclasses import replace
from pathlib import Path

from ..formats import trec
from ..paper import experiment
from ..paper.configs import CONFIGS
from ..settings import InputError, one_of
from . import inputs, run_files


def command(
    *, config: str, dry_run: bool, gpu: str, share: float | None, out: str | None,
    model: str | None, triples: str | None, bitext: str | None, first_stage: str | None,
    quiet: bool, collection: str | None, lang: str | None, **where: object,
) -> dict:  # fmt: skip
    """Run it on what ``collection``, ``lang`` and ``where`` say, see :func:`.inputs.read`."""
    one_of("paper: got --config", config, CONFIGS)
    asked = replace(CONFIGS[config], model=model or CONFIGS[config].model)
    if dry_run:
        from ..paper import budget

        return budget.report(asked, gpu, share)
    if asked.model == "tiny":
        triples, bitext = triples or experiment.TRIPLES, bitext or "pocket"
        collection, lang = collection or "pocket", lang or "sw"
    given = {"triples": triples, "bitext": bitext, "collection": collection, "lang": lang}
    if missing := [f"--{name}" for name, value in {**given, "out": out}.items() if not value]:
        expected = f"{' and '.join(missing)} for {config}; or give --dry-run"
        raise InputError("paper", f"no {', '.join(missing)}", expected)
    data = inputs.ranked(inputs.read(collection=collection, lang=lang, **where), "paper")
    # before the days of training
    trec.need_columns(*data.queries, *data.passages, of=Path(out) / "rankings")
    first = trec.read_run(first_stage) if first_stage else None
    if first is not None:
        run_files.meet({first_stage: first}, data.queries, data.name)
    pairs = inputs.read_pairs(bitext, lang).clean()
    found = experiment.run(asked, triples, pairs, data, out, first=first, progress=not quiet)
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
        print(f"  {name:<12}{run_files.listed(values)}")
    for metric, tests in found["tests"].items():
        said = []
        for name, test in tests.items():
            p = "not computable" if (x := test["p_bonferroni"]) is None else f"= {x:.4f}"
            said.append(f"{name} {test['difference']:+.3f} (p {p})")
        print(f"  student against, {metric}: {'; '.join(said)}")
