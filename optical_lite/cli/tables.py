"""Published numbers beside ours; check that they still hold."""

from ..settings import ROOT, InputError
from .options import Parser


def options(parser: Parser) -> None:
    """Which tables, and what to do with them."""
    parser.add_argument("--table", metavar="NAME", help="one table (default all); WORK/TABLE prints a published one")
    parser.add_argument("--list", action="store_true", help="name the tables and stop")
    parser.add_argument(
        "--check", action="store_true", help="compare with records, run cheap rows again; exit 1 if wrong"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what --check would run, and run nothing")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the generated pages, and tables and numbers of others (make tables)",
    )
    parser.add_argument("--run", action="store_true", help="run what is missing of the comparison, then its summary")
    parser.add_argument(
        "--systems", nargs="+", metavar="NAME", help="systems or groups to --run (all) or --check again"
    )
    parser.add_argument(
        "--langs", nargs="+", metavar="LANG", help="two-letter codes to --run (all) or --check again (tw)"
    )
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="to --run (0 to 4) or --check again (0)")
    parser.add_argument("--dev", action="store_true", help="with --run: on development questions, to choose settings")
    parser.add_argument(
        "--format", choices=("md", "html", "latex"), default="md", help="of what is printed (default md)"
    )


def command(
    *, table: str | None, list: bool, check: bool, dry_run: bool, write: bool, run: bool, systems: list[str] | None,
    langs: list[str] | None, seeds: list[int] | None, dev: bool, format: str,
) -> dict | tuple[dict, int]:  # fmt: skip
    """Do the first that is asked for; without any, print the tables."""
    from ..study import check as study
    from ..study import pages, summary

    if run:
        return run_grid(systems, langs, seeds, dev=dev)
    if table and "/" in table:
        if check or write:
            raise InputError(f"table: got {table!r}, a published table, expected one of {', '.join(summary.names())}")
        print(pages.published(table, format))
        return {"published": table}
    names = [table] if table else summary.names()
    for name in names:
        summary.spec(name)  # an unknown name is said before anything runs
    if list:
        print("\n".join(study.listing()))
    elif dry_run:
        print("\n".join(study.plan(names)))
    elif write:
        print("\n".join(f"wrote {path}" for path in study.write()) or "every page is up to date")
    elif check:
        chosen = {"systems": systems, "langs": langs, "seeds": seeds}
        wrong = study.check(names, {name: value for name, value in chosen.items() if value})
        print("\n".join(f"WRONG {line}" for line in wrong) or "everything agrees")
        return {"tables": names, "wrong": wrong}, int(bool(wrong))
    else:
        for name in names:
            print(f"{summary.spec(name)['title']}: {pages.counts(pages.shown(name))}\n\n{pages.long(name, format)}\n")
    return {name: [cell.record() for cell in summary.cells(name)] for name in names}


def run_grid(systems: list[str] | None, langs: list[str] | None, seeds: list[int] | None, *, dev: bool) -> dict:
    """Run the cells that are missing, then sum up all."""
    from ..study import grid, records

    ran = grid.run(systems, langs, seeds, dev=dev)
    if dev:  # beside the expected numbers, which are of test questions
        found = {key: values["mrr@10"] for key, values in records.means(records.DEV_RECORDS).items()}
        print("\n".join(f"{key}: MRR@10 {value:.4f}" for key, value in found.items()))
        return {"ran": ran, "mrr@10": found}
    path = records.summarise()
    print(f"{ran} cells run; summary in {path.relative_to(ROOT)}; for the pages run: make tables")
    return {"ran": ran, "summary": str(path.relative_to(ROOT))}
