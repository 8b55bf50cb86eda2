"""Write a student or an encoder for sentence-transformers or PyLate.

The scores are the kit's: MaxSim in PyLate, cosines of mean vectors in sentence-transformers. A
student reads the questions and its teacher the passages, so export both: --run runs/mine and, into
another folder, --run minilm.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..json_files import write_json
from .options import MODELS, Parser, reading_to

if TYPE_CHECKING:
    from ..encoder import Encoder

BASE = "sentence_transformers.base.modules"
MASK = "sentence_transformers.multi_vector_encoder.modules.MultiVectorMask"
POOLING = "sentence_transformers.sentence_transformer.modules.Pooling"


def options(parser: Parser) -> None:
    """What to write, and for which library."""
    add = parser.option
    add("--run", None, f"a run's folder, or an encoder: {MODELS}", required=True, metavar="RUN")
    said = "library that loads the folder: sentence-transformers 6 or later, or PyLate"
    add("--to", None, said, required=True, choices=("sentence-transformers", "pylate"))
    add("--out", None, "a new folder", required=True, metavar="DIR")
    reading_to(parser, "text (256, or the model's limit)")


def command(*, run: str, to: str, out: str, max_length: int | None) -> dict:
    """Write the folder; it appears whole or not at all."""
    from ..encoder import Encoder
    from ..provenance import model_record
    from ..safe_files import new_folder
    from ..training import runs

    # a run has a log from its first step on, so that an unfinished one is called so
    load = runs.load_student if (Path(run) / "log.jsonl").exists() else Encoder.load
    encoder = load(run).reading_to(max_length)
    with new_folder(out) as part:
        _write_model(part, encoder)
        if to == "pylate":
            _write_pylate(part, encoder)
            use = f"models.ColBERT({out!r}); encode questions, too, with is_query=False"
        else:
            _write_sentence_transformers(part, encoder)
            use = f"SentenceTransformer({out!r})"
    print(f"{run}, for {to}: load it with {use}")
    return {"folder": out, "to": to, "model": model_record(encoder)}


def _write_model(part: Path, encoder: Encoder) -> None:
    """What transformers reads: the model, its tokenizer, and how much of a text is read."""
    from ..kernels.pieces import ROLES

    encoder.save(part)
    vocabulary = encoder.tokenizer.get_vocab()
    found = {role: name for role, names in ROLES.items() for name in names if name in vocabulary}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": encoder.max_length}
    write_json(part / "tokenizer_config.json", {**kind, **found})
    record: dict[str, object] = {"max_seq_length": encoder.max_length, "do_lower_case": False}
    if getattr(encoder.model, "pooler", ...) is None:  # else one is drawn at random, with a warning
        record["model_args"] = {"add_pooling_layer": False}
    write_json(part / "sentence_bert_config.json", record)


def _write_pylate(part: Path, encoder: Encoder) -> None:
    """Token vectors without PyLate's markers and expansion; what it skips are the special tokens.

    It skips them in what is read with ``is_query=False``, so questions are read that way, too.
    """
    # without a linear layer PyLate adds one, drawn at random
    modules = [("sentence_transformers.models.Transformer", {}), _dense("pylate.models.Dense.Dense", encoder)]
    about = {
        "model_type": "ColBERT", "similarity_fn_name": "MaxSim", "prompts": {},
        "query_prefix": "", "document_prefix": "", "do_query_expansion": False,
        "query_length": encoder.max_length, "document_length": encoder.max_length,
        "skiplist_words": _special(encoder),
    }  # fmt: skip
    _write_modules(part, encoder, modules, about)


def _write_sentence_transformers(part: Path, encoder: Encoder) -> None:
    """Mean of unit token vectors, special tokens left out; the encoder's prefixes are prompts.

    Before version 6 the library can neither normalise token vectors nor leave out tokens.
    """
    tokens = {"module_input_name": "token_embeddings"}
    kind, settings = _dense(f"{BASE}.Dense", encoder)
    modules = [
        (f"{BASE}.Transformer", {}),
        *([] if encoder.projection is None else [(kind, settings | tokens)]),
        (f"{BASE}.Normalize", tokens),
        (MASK, {"skiplist_words": _special(encoder), "skiplist_tasks": ["query", "document"]}),
        (POOLING, {"embedding_dimension": encoder.dimension, "pooling_mode": "mean"}),
        (f"{BASE}.Normalize", {}),
    ]
    about = {
        "__version__": {"sentence_transformers": "6.0.0"},  # an older one says that it is older
        "model_type": "SentenceTransformer", "similarity_fn_name": "cosine",
        "prompts": dict(zip(("query", "document"), encoder.prefixes, strict=True)),
    }  # fmt: skip
    _write_modules(part, encoder, modules, about)


def _special(encoder: Encoder) -> list[str]:
    """The tokens that no score counts."""
    return [encoder.tokenizer.id_to_token(i) for i in sorted(encoder.special)]


def _dense(kind: str, encoder: Encoder) -> tuple[str, dict]:
    """A linear layer from hidden states to token vectors: its class and settings."""
    return kind, {
        "in_features": encoder.model.config.hidden_size, "out_features": encoder.dimension,
        "bias": False, "activation_function": "torch.nn.modules.linear.Identity",
    }  # fmt: skip


def _write_modules(part: Path, encoder: Encoder, modules: list[tuple[str, dict]], about: dict) -> None:
    """What the library does, one module after another, and what it knows of the whole.

    Parameters
    ----------
    modules : class and settings of each, the model first; a linear layer gets the encoder's
        projection as its weights, or the identity
    """
    import torch
    from safetensors.torch import save_file

    listed = []
    for number, (kind, settings) in enumerate(modules):
        path = f"{number}_{kind.rpartition('.')[2]}" if number else ""
        listed.append({"idx": number, "name": str(number), "path": path, "type": kind})
        if number:
            (part / path).mkdir()
            write_json(part / path / "config.json", settings)
        if path.endswith("_Dense"):
            layer = encoder.projection
            weight = torch.eye(encoder.dimension) if layer is None else layer.weight.detach().cpu()
            save_file({"linear.weight": weight.contiguous()}, part / path / "model.safetensors")
    write_json(part / "modules.json", listed)
    write_json(part / "config_sentence_transformers.json", about)
