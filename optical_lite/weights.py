"""Weights: a model out of a folder, read as it is or refused in one line.

A folder may come from anyone, so nothing in it is run and nothing in it names a place to go to. Its class is one of
transformers' own, by ``model_type``; code that ``config.json`` names (``auto_map``) is never looked for. Its numbers
come from ``model.safetensors`` alone, because a pickle can run code. What is missing, of another shape or no finite
number is refused: transformers would draw it at random and go on.
"""

from __future__ import annotations

import copy
import re
import sys
import zipfile
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from . import model_files
from .json_files import read_json, write_json
from .model_files import REVISIONS
from .provenance import sha256
from .settings import InputError, shown

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
         "vocab.txt", "sentencepiece.bpe.model", "projection.safetensors")  # fmt: skip
HUB = "hub:"  # before a name: the user asks for a model of the hub
UNSAFE = ("auto_map", "quantization_config", "attn_implementation", "experts_implementation")  # may load other code
AGAIN = "copy it again, or save it anew with save_pretrained"


def found(name: str | Path) -> tuple[Path, str, list[str] | None]:
    """Folder and full name of what a name means, and the prefixes of its texts where the kit knows it by name."""
    if isinstance(name, str) and (known := model_files.find(name)):
        return *model_files.folder(name), list(model_files.KNOWN[known].prefixes)
    return place(name), str(name), None


def place(name: str | Path) -> Path:
    """The folder that a name means: a folder, or a model of the hub, which is then fetched.

    A hub is asked only where the name says so: ``hub:OWNER/NAME``, ``hub:OWNER/NAME@REVISION``, or one of
    :data:`optical_lite.model_files.REVISIONS`. A :class:`Path` is never more than a folder.
    """
    if isinstance(name, str) and (name.startswith(HUB) or (name in REVISIONS and not Path(name).exists())):
        return from_hub(name.removeprefix(HUB))
    folder = Path(name)
    if not folder.is_dir():
        hint = f"; for a model of the hub write {HUB}{name}" if re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) else ""
        raise InputError(
            f"model: got {str(name)!r}, expected a folder with config.json, model.safetensors and tokenizer.json; "
            f"check the path{hint}"
        )
    return folder


def from_hub(name: str) -> Path:
    """Fetch a model of the hub, say so, and compare its files with the hashes that the hub states for a revision."""
    from huggingface_hub import snapshot_download

    repo, _, revision = name.partition("@")
    revision = revision or REVISIONS.get(repo, "main")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise InputError(f"model: got {HUB}{name}, expected {HUB}OWNER/NAME or {HUB}OWNER/NAME@REVISION")
    print(f"model: asking the hub (huggingface.co) for {repo}, revision {revision}", file=sys.stderr)
    try:
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=list(FILES)))
    except Exception as error:  # of the network, of the hub, of a name that it does not know
        raise InputError(
            f"model: got no {repo!r} from the hub ({type(error).__name__}), expected revision {revision}; "
            "check the name and the network, or give a folder"
        ) from error
    for path in folder.iterdir():
        stated = path.resolve().name  # large files are kept under their sha256
        if re.fullmatch(r"[0-9a-f]{64}", stated) and sha256(path.read_bytes()) != stated:
            raise InputError(
                f"{path}: got another sha256 than the hub's {stated[:12]}...; delete it and fetch it again"
            )
    return folder


def inside(folder: str | Path, name: str) -> Path:
    """The path of a folder's file. A link that leads out of the folder is refused: a folder may come from anyone."""
    found = Path(folder) / name
    if not found.resolve().is_relative_to(Path(folder).resolve()):
        raise InputError(f"{found}: got a link out of {folder}, expected a file of its own; copy the file in its place")
    return found


def quiet() -> None:
    """Keep transformers' warnings and progress bars from the reader: what is wrong is an error of its own."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def load_model(folder: Path) -> nn.Module:
    """The model of a folder, float32, every weight from its file."""
    path, state = folder / "model.safetensors", _tensors(folder)
    record = read_json(folder / "config.json", {"model_type": str})
    kept = {key: value for key, value in record.items() if key[:1] != "_" and key not in UNSAFE}
    counts = [v for key, v in kept.items() if re.search("layer|group", key) and isinstance(v, int)]
    if max(counts, default=0) > len(state):  # before a model is made of so many parts
        raise InputError(f"{folder}/config.json: got {max(counts):,} layers, expected those of {path.name}; {AGAIN}")
    try:
        model, found = _filled(kept, state)
    except Exception as error:  # a configuration can be wrong in as many ways as a model has settings
        said = " ".join(str(error).split())[:120]
        raise InputError(
            f"{folder}/config.json: got {type(error).__name__} ({said}), expected the settings of a BERT-like model of "
            f"transformers that fit {path.name}; {AGAIN}"
        ) from None
    prefix = f"{model.base_model_prefix}."
    _complete(path, found, prefix if any(key.startswith(prefix) for key in state) else "")
    for key, value in model.state_dict().items():
        if not value.isfinite().all():
            raise InputError(f"{path}: got {key} with values that are no finite numbers (NaN or inf); {AGAIN}")
    return model.eval()


def _filled(record: dict, state: dict[str, Tensor]) -> tuple[nn.Module, dict]:
    """A model of transformers' own classes with given weights, and what transformers says about them."""
    from transformers import CONFIG_MAPPING, MODEL_MAPPING

    config = CONFIG_MAPPING[record["model_type"]].from_dict(record)
    kind, extra = MODEL_MAPPING[type(config)], {"add_pooling_layer": False}  # the pooler is not used
    with torch.device("meta"):  # sizes alone, no memory
        try:
            empty = kind(config, **extra)
        except TypeError:  # a class without that option
            empty, extra = kind(config), {}
    wanted, given = (sum(map(Tensor.numel, tensors)) for tensors in (empty.parameters(), state.values()))
    if wanted > 8 * given + (1 << 24):  # far more than damage explains: no memory for it
        raise ValueError(f"{wanted:,} numbers, of which the file has {given:,}")
    return kind.from_pretrained(
        None, config=config, state_dict=state, dtype=torch.float32, output_loading_info=True,
        ignore_mismatched_sizes=True, **extra,
    )  # fmt: skip


def _tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder's ``model.safetensors``."""
    path = folder / "model.safetensors"
    if not path.is_file():
        other = sorted(p.name for p in folder.glob("*") if p.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5"))
        other += sorted(p.name for p in folder.glob("model.safetensors.index.json"))
        raise InputError(
            f"{folder}: got {other[0] if other else 'no weights'}, expected one file model.safetensors (a pickle "
            "can run code); save it anew with save_pretrained, or check the path"
        )
    return read_tensors(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file; a damaged one is named."""
    try:
        with safe_open(path, "pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no dictionary)
    except Exception as error:  # safetensors' own, and the system's
        raise InputError(
            f"{path}: got no whole safetensors file ({' '.join(str(error).split())[:80]}), expected one; {AGAIN}"
        ) from None
    if odd := [key for key, value in found.items() if not value.is_floating_point() and not key.endswith("_ids")]:
        raise InputError(f"{path}: got {odd[0]} of {found[odd[0]].dtype}, expected floating-point numbers; {AGAIN}")
    return found


def _complete(path: Path, found: dict, prefix: str) -> None:
    """Raise unless a file held the model's tensors, and no others but a pooler and heads beside the model."""
    aside = tuple(f"{start}pooler." for start in {"", prefix})
    unknown = sorted(
        key for key in found["unexpected_keys"] if key.startswith(prefix) and not key.startswith(aside)
    )  # fmt: skip
    changed = sorted(f"{key} of shape {tuple(theirs)}, expected {tuple(ours)}" for key, theirs, ours in
                     found["mismatched_keys"])  # fmt: skip
    for said, names in (
        ("no tensor", sorted(found["missing_keys"])), ("an unknown tensor", unknown), ("tensor", changed),
    ):  # fmt: skip
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise InputError(
                f"{path}: got {said} {names[0]}{more}; expected the tensors that config.json describes; {AGAIN}"
            )


def positions(model: nn.Module) -> int:
    """The longest text that a model can read, in tokens: RoBERTa's kind keeps its first positions for padding."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return getattr(model.config, "max_position_embeddings", 1 << 30) - (0 if padding is None else padding + 1)


def first_layers(model: nn.Module, layers: int) -> nn.Module:
    """The same model, stopping after some of its layers; weights are shared."""
    whole = getattr(getattr(model, "encoder", None), "layer", ())
    if not 1 <= layers <= len(whole):
        raise InputError(f"encoder: got {layers} layers, expected 1 to {len(whole)}")
    model, stack = copy.copy(model), copy.copy(model.encoder)
    model._modules, stack._modules = dict(model._modules), dict(stack._modules)
    stack.layer, model.encoder = whole[:layers], stack
    model.__dict__.pop("_packed", None)  # weights laid out for the whole stack
    return model


def load_tokenizer(folder: Path, rows: int) -> Tokenizer:
    """The tokenizer of a folder, for a model with so many rows in its embedding table."""
    from transformers import AutoTokenizer

    path = folder / "tokenizer.json"
    try:
        if path.exists():
            found = Tokenizer.from_file(str(path))
        else:
            found = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
            found = found.backend_tokenizer
        highest = max([*found.get_vocab().values(), *found.encode("a").ids], default=0)
    except Exception as error:  # tokenizers raise plain exceptions
        said = " ".join(str(error).split())[:80]
        raise InputError(f"{path}: got no tokenizer ({said}), expected a whole tokenizer.json; {AGAIN}") from None
    if highest >= rows:
        raise InputError(
            f"{path}: got a piece of number {highest:,}, expected numbers below {rows:,}, the rows of the embedding "
            f"table; {AGAIN}"
        )
    return found


def load_projection(folder: Path, width: int) -> nn.Linear | None:
    """The linear layer of a folder from hidden states of a width to shorter token vectors; None where it has none."""
    path = folder / "projection.safetensors"
    if not path.exists():
        return None
    weight = read_tensors(path).get("weight")
    if weight is None or weight.ndim != 2 or weight.shape[1] != width or not len(weight):
        said = "no tensor weight" if weight is None else f"a weight of shape {tuple(weight.shape)}"
        raise InputError(f"{path}: got {said}, expected one of shape (any, {width}); {AGAIN}")
    if not weight.isfinite().all():
        raise InputError(f"{path}: got values that are no finite numbers (NaN or inf); {AGAIN}")
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight.float()
    return layer


def save_beside(part: Path, tokenizer: Tokenizer | bytes, pad: str, projection: nn.Linear | None) -> None:
    """Write what a folder holds beside a model: its tokenizer, given whole or as its file, and its projection."""
    if isinstance(tokenizer, bytes):
        (part / "tokenizer.json").write_bytes(tokenizer)
    else:
        tokenizer.save(str(part / "tokenizer.json"))
    if projection is not None:
        save_file({"weight": projection.weight.detach().cpu()}, part / "projection.safetensors")
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": pad}
    write_json(part / "tokenizer_config.json", said)


def put(student, place: Path, device: str) -> None:
    """Give an encoder the weights of a checkpoint, which must all fit; nothing in the file is run."""
    kept, rows = _checkpoint(place, device)
    named, table = dict(student.named_parameters()), student.embedding
    with torch.no_grad():
        for name, value in kept.items():
            new = name.endswith("word_embeddings.new")
            target = named.get(name) if not new else table if rows.max() < len(table) else None
            shape = None if target is None else (len(rows), table.shape[1]) if new else tuple(target.shape)
            if tuple(value.shape) != shape or not value.isfinite().all():
                raise InputError(
                    f"{place}: got {shown(name)} of shape {tuple(value.shape)}, expected finite numbers of a shape "
                    "that fits the student; copy it again, or train anew"
                )
            if new:
                table[rows] = value.float()
            else:
                target.copy_(value.float())


def read_saved(place: Path, device: str) -> dict:
    """What ``torch.save`` wrote, after a look at the checksum of each part, which ``torch.load`` does not take."""
    with zipfile.ZipFile(place) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > place.stat().st_size:
            raise ValueError("packed")  # torch stores tensors as they are; what unpacks to more is no checkpoint
        if archive.testzip():
            raise ValueError("changed")
    return torch.load(place, map_location=device, weights_only=True)


def _checkpoint(place: Path, device: str) -> tuple[dict[str, Tensor], Tensor]:
    """The weights of a checkpoint, and which rows of the embedding table are among them."""
    try:
        state = read_saved(place, device)
        kept, rows = state["weights"], state["rows"]
        whole = rows.dtype == torch.long and rows.ndim == 1 and len(rows) and rows.min() >= 0
        if not whole or not all(isinstance(value, Tensor) for value in kept.values()):
            raise ValueError("other values")
    except Exception as error:  # of zip, of pickle, of torch: any bytes may stand there
        raise InputError(
            f"{place}: got no whole checkpoint ({type(error).__name__}), expected one that training wrote; copy it "
            "again, or train anew"
        ) from None
    return kept, rows
