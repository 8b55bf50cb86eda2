"""Write a student or an encoder for sentence-transformers or PyLate.

The scores are the kit's: MaxSim in PyLate, cosines of mean vectors in sentence-transformers. A
student reads the questions and its teacher the passages, so export both: --run runs/mine and, into
another folder, --run minilm.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

from ..encoder import Encoder
from ..json_files import write_json
from ..kernels.pieces import ROLES
from ..provenance import model_record
from ..safe_files import new_folder
from ..training import runs

BASE = "sentence_transformers.base.modules"
MASK = "sentence_transformers.multi_vector_encoder.modules.MultiVectorMask"
POOLING = "sentence_transformers.sentence_transformer.modules.Pooling"
Module = tuple[str, dict]  # its class and its settings


def command(*, run: str, to: str, out: str, max_length: int | None) -> dict:
    """Write the folder; it appears whole or not at all."""
    load = runs.load_student if runs.is_run(run) else Encoder.load
    encoder = load(run).reading_to(max_length)
    # the tokens that no score counts
    special = [encoder.tokenizer.id_to_token(i) for i in sorted(encoder.special)]
    modules, about = {"pylate": _pylate, "sentence-transformers": _mean}[to](encoder, special)
    with new_folder(out) as part:
        _write_model(part, encoder)
        _write_modules(part, encoder, modules)
        write_json(part / "config_sentence_transformers.json", about)
    use = f"SentenceTransformer({out!r})"
    if to == "pylate":
        use = f"models.ColBERT({out!r}); encode questions, too, with is_query=False"
    print(f"{run}, for {to}: load it with {use}")
    return {"folder": out, "to": to, "model": model_record(encoder)}


def _write_model(part: Path, encoder: Encoder) -> None:
    """What transformers reads: the model, its tokenizer, and how much of a text is read."""
    encoder.save(part)
    vocabulary = encoder.tokenizer.get_vocab()
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": encoder.max_length}
    kind |= {role: name for role, names in ROLES.items() for name in names if name in vocabulary}
    write_json(part / "tokenizer_config.json", kind)
    record: dict[str, object] = {"max_seq_length": encoder.max_length, "do_lower_case": False}
    if getattr(encoder.model, "pooler", ...) is None:
        # else one is drawn at random, with a warning
        record["model_args"] = {"add_pooling_layer": False}
    write_json(part / "sentence_bert_config.json", record)


def _dense(encoder: Encoder) -> dict:
    """Settings of a linear layer from hidden states to token vectors."""
    return {
        "in_features": encoder.model.config.hidden_size, "out_features": encoder.dimension,
        "bias": False, "activation_function": "torch.nn.modules.linear.Identity",
    }  # fmt: skip


def _pylate(encoder: Encoder, special: list[str]) -> tuple[list[Module], dict]:
    """Modules for token vectors without PyLate's markers and expansion, and what it reads of them.

    It skips special tokens in what is read with ``is_query=False``, so questions are read that
    way, too. Without a linear layer it adds one, drawn at random.
    """
    dense = "pylate.models.Dense.Dense", _dense(encoder)
    return [("sentence_transformers.models.Transformer", {}), dense], {
        "model_type": "ColBERT", "similarity_fn_name": "MaxSim", "prompts": {},
        "query_prefix": "", "document_prefix": "", "do_query_expansion": False,
        "query_length": encoder.max_length, "document_length": encoder.max_length,
        "skiplist_words": special,
    }  # fmt: skip


def _mean(encoder: Encoder, special: list[str]) -> tuple[list[Module], dict]:
    """Modules for the mean of unit token vectors, special tokens left out; prefixes are prompts.

    Before version 6 the library can neither normalise token vectors nor leave out tokens.
    """
    tokens = {"module_input_name": "token_embeddings"}
    dense = [] if encoder.projection is None else [(f"{BASE}.Dense", _dense(encoder) | tokens)]
    modules = [
        (f"{BASE}.Transformer", {}), *dense, (f"{BASE}.Normalize", tokens),
        (MASK, {"skiplist_words": special, "skiplist_tasks": ["query", "document"]}),
        (POOLING, {"embedding_dimension": encoder.dimension, "pooling_mode": "mean"}),
        (f"{BASE}.Normalize", {}),
    ]  # fmt: skip
    return modules, {
        # an older one says that it is older
        "__version__": {"sentence_transformers": "6.0.0"},
        "model_type": "SentenceTransformer", "similarity_fn_name": "cosine",
        "prompts": dict(zip(("query", "document"), encoder.prefixes, strict=True)),
    }  # fmt: skip


def _write_modules(part: Path, encoder: Encoder, modules: list[Module]) -> None:
    """What the library does, one module after another.

    A linear layer gets the encoder's projection as its weights, or the identity.
    """
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
