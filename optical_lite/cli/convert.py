"""Write a collection as a TREC or BEIR folder."""

from ..datasets.reading import write
from . import inputs


def command(*, to: str, out: str, **where: object) -> dict:
    """Read, as ``where`` says (see :func:`.inputs.read`), and write."""
    data = inputs.read(**where)
    folder = write(to, data, out)
    found = {"passages": len(data.passages), "questions": len(data.queries)}
    found["judgements"] = sum(map(len, data.qrels.values()))
    counts = ", ".join(f"{count:,} {name}" for name, count in found.items())
    print(f"{folder}: {counts}, in {to} form")
    return {"folder": str(folder), **found}
