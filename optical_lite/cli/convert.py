"""Write a collection as a TREC or BEIR folder."""

from .options import Parser, reading


def options(parser: Parser) -> None:
    """What to read, and what to write."""
    reading(parser)
    parser.add_argument("--to", required=True, choices=("trec", "beir"), help="form to write")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder")


def command(*, to: str, out: str, **where: object) -> dict:
    """Read, as ``where`` says (see :func:`.inputs.read`), and write."""
    from ..datasets.reading import write
    from . import inputs

    data = inputs.read(**where)
    folder = write(to, data, out)
    found = {
        "passages": len(data.passages), "questions": len(data.queries),
        "judgements": sum(map(len, data.qrels.values())),
    }  # fmt: skip
    print(f"{folder}: {', '.join(f'{count:,} {name}' for name, count in found.items())}, in {to} form")
    return {"folder": str(folder), **found}
