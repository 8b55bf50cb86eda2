"""The command ``paper``: the experiment at its real size, or what it would cost."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..datasets import reading
from ..formats import trec
from ..paper.configs import CONFIGS
from ..paper.experiment import TRIPLES, read_pairs, run
from ..settings import InputError
from .commands import READING, need_collection
from .run_files import meet


def command(args: argparse.Namespace) -> dict:
    """What ``python -m optical_lite paper`` does."""
    if args.config not in CONFIGS:
        raise InputError(f"paper: got --config {args.config!r}, expected one of {', '.join(CONFIGS)}")
    config = CONFIGS[args.config]
    config = replace(config, model=args.model or config.model)
    if args.dry_run:
        from ..paper import budget

        return budget.report(config, args.gpu, args.share)
    given = {"triples": args.triples, "bitext": args.bitext, "collection": args.collection, "lang": args.lang}
    if config.model == "tiny":
        samples = {"triples": TRIPLES, "bitext": "pocket", "collection": "pocket", "lang": "sw"}
        given = {name: value or samples[name] for name, value in given.items()}
    missing = [f"--{name}" for name, value in {**given, "out": args.out}.items() if not value]
    if missing:
        raise InputError(f"paper: got no {', '.join(missing)}, expected them for {args.config}; or give --dry-run")
    options = {name: value for name in READING if (value := getattr(args, name))}
    data = need_collection(reading.read(args.format, given["collection"], given["lang"], **options), "paper")
    trec.need_columns(*data.queries, *data.passages, of=Path(args.out) / "rankings")  # before the days of training
    first = trec.read_run(args.first_stage) if args.first_stage else None
    if first is not None:
        meet({args.first_stage: first}, data.queries, data.name)
        if odd := {name for query in data.queries for name, _ in first.get(query, ())} - data.passages.keys():
            raise InputError(f"{args.first_stage}: got {min(odd)!r}, expected documents of {data.name}")
    pairs = read_pairs(given["bitext"], given["lang"])
    found = run(config, given["triples"], pairs, data, args.out, first=first, progress=not args.quiet)
    print(
        f"{args.out}: {found['step']}, {found['questions']} questions ({data.lang}), {found['documents']:,} documents; "
        f"{found['questions_cut']:,} questions and {found['passages_cut']:,} of {found['passages']:,} passages were cut"
    )
    for name, values in found["systems"].items():
        print(f"  {name:<12}" + ", ".join(f"{metric} {value:.3f}" for metric, value in values.items()))
    for metric, tests in found["tests"].items():
        p = {n: "not computable" if (x := t["p_bonferroni"]) is None else f"= {x:.4f}" for n, t in tests.items()}
        said = "; ".join(f"{n} {t['difference']:+.3f} (p {p[n]})" for n, t in tests.items())
        print(f"  student against, {metric}: {said}")
    return found
