"""Encode the passages of a collection once, batch by batch, into a folder that search reads."""

from ..json_files import write_json
from ..safe_files import new_folder
from ..settings import precision, precision_line
from .options import MODEL, MODELS, Parser, number_type, reading, reading_to


def options(parser: Parser) -> None:
    """What to read, and with which encoder."""
    reading(parser)
    number_type(parser, "auto")
    parser.add_argument("--model", default=MODEL, help=f"encoder of the passages: {MODELS}")
    reading_to(parser, "passage (256, or the model's limit)")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def command(*, model: str, max_length: int | None, out: str, quiet: bool, **where: object) -> dict:
    """Encode what ``where`` says, see :func:`.inputs.read`."""
    from ..encoder import Encoder
    from ..index import PassageIndex, hash_texts
    from ..provenance import model_record
    from . import inputs

    data, encoder = inputs.ranked(inputs.read(**where), "index"), Encoder.load(model, max_length)
    with new_folder(out) as folder:
        print(precision_line())
        built = PassageIndex.build(encoder, data.passages, not quiet, folder / "index.safetensors")
        record = {"collection": data.name, "passages": len(built.ids), "vectors": len(built.vectors)}
        record["precision"] = precision()
        record |= inputs.said_cut("passages", built.cut, len(built.ids), encoder)
        about = {"texts": hash_texts(data.passages), "encoder": model_record(encoder)}
        write_json(folder / "index.json", {**record, **about})
    print(f"{out}: {record['passages']:,} passages, {record['vectors']:,} token vectors")
    return {"folder": out, **record}
