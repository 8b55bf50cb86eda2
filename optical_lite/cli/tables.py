"""Published numbers beside ours; check that they still hold."""

from pathlib import Path

from ..settings import InputError
from ..study import check as study
from ..study import grid, pages, record_files, records, summary


def command(
    *, table: str | None, list: bool, check: bool, write: bool, run: bool,
    fold: bool, records: str | None, systems: list[str] | None, langs: list[str] | None,
    seeds: list[int] | None, dev: bool, anew: bool, format: str,
) -> dict | tuple[dict, int]:  # fmt: skip
    """Do the first that is asked for; without any, print the tables."""
    if run:
        return run_grid(systems, langs, seeds, dev=dev, anew=anew, out=records)
    if fold:
        return fold_records(records)
    if table and "/" in table:
        if check or write:
            known = ", ".join(summary.names())
            raise InputError("table", f"{table!r}, a published table", f"one of {known}")
        print(pages.published(table, format))
        return {"published": table}
    names = [table] if table else summary.names()
    for name in names:
        # an unknown name is said before anything runs
        summary.spec(name)
    if list:
        print("\n".join(study.listing()))
    elif write:
        print("\n".join(f"wrote {path}" for path in study.write()) or "every page is up to date")
    elif check:
        chosen = {"systems": systems, "langs": langs, "seeds": seeds}
        wrong = study.check(names, {name: value for name, value in chosen.items() if value})
        print("\n".join(f"WRONG {line}" for line in wrong) or "everything agrees")
        return {"tables": names, "wrong": wrong}, int(bool(wrong))
    else:
        for name in names:
            title, counts = summary.spec(name)["title"], pages.counts(pages.shown(name))
            print(f"{title}: {counts}\n\n{pages.long(name, format)}\n")
    return {name: [cell.record() for cell in summary.cells(name)] for name in names}


def run_grid(
    systems: list[str] | None, langs: list[str] | None, seeds: list[int] | None, *, dev: bool,
    anew: bool = False, out: str | None = None,
) -> dict:  # fmt: skip
    """Run the cells that are missing; of development questions, print what all of them give."""
    folder = Path(out or record_files.LOOSE) / ("clir_dev" if dev else "clir")
    ran = grid.run(systems, langs, seeds, dev=dev, folder=folder, anew=anew)
    sums = records.cells(record_files.loose(folder)) if dev else {}
    found = {key: values["mrr@10"]["mean"] for key, values in sums.items()}
    for key, value in found.items():
        print(f"{key}: MRR@10 {value:.4f}")
    said = f"{ran} cells run, records in {folder}; to take them in: tables --fold"
    print(said if ran else "0 cells run: all are recorded; to run them again: --anew")
    return {"ran": ran, **({"mrr@10": found} if dev else {})}


def fold_records(source: str) -> dict:
    """Take loose records in, and sum up all of them."""
    found = record_files.fold_all(Path(source))
    for name, (new, every) in found.items():
        print(f"{name}: {new} new of {every} records")
    print("for the summary and the pages run: make tables")
    return {"folded": {name: new for name, (new, _) in found.items()}}
