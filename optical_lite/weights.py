"""Weights: a model out of a folder, read as it is or refused in one line.

A folder may come from anyone: nothing in it is run and nothing in it names a place to go to. Its
class is one of :data:`FAMILIES`, of ``config.json`` only the settings of that class count, and the
numbers come from ``model.safetensors`` alone, because a pickle can run code. What is missing, of
another shape or no finite number is refused: transformers would draw it at random and go on.
"""

from __future__ import annotations

import copy
import os
import re
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from . import model_files
from .json_files import read_json
from .model_files import REVISIONS, verify
from .safe_files import guard, regular
from .settings import InputError

FILES = (*model_files.FILES, model_files.PROJECTION)
HUB = "hub:"  # before a name: the user asks for a model of the hub
# text encoders of transformers, by model_type; other models may fetch parts of themselves
FAMILIES = (
    "albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert",
    "mpnet", "nomic_bert", "roberta", "xlm-roberta", "xmod",
)  # fmt: skip
FLOAT32 = ("deberta", "xmod")  # families whose code in transformers fails in bfloat16
# settings that count beside those of a family's class: the kit's, DeBERTa's, ModernBERT's
FURTHER = (
    "base_vocab_size", "prefixes", "conv_act", "conv_groups", "conv_kernel_size", "norm_rel_ebd",
    "position_buckets", "share_att_key", "global_attn_every_n_layers", "global_rope_theta",
    "local_rope_theta",
)  # fmt: skip
ROPE = ("full_attention", "sliding_attention", "rope_type", "rope_theta")  # in rope_parameters
SHAPE = {"model_type": str, "base_vocab_size?": int, "prefixes?": [str]}
SIZE = re.compile("^n_|^num_|size$|dim$|position_embeddings$")  # what is at least 1
NONE = ("type_vocab_size", "deberta")  # which may have none
PARTS = re.compile("layer|group|languages")  # of which a model is made; each has tensors
MOST = 1 << 24  # of any number in config.json: rows of a table, tokens, bases of rotations
NAME = re.compile(r"[\w.-]+/[\w.-]+")  # of a model at the hub
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5")
AGAIN = "copy it again, or save it anew with save_pretrained"
SETTINGS = f"settings of a BERT-like model of transformers that fit model.safetensors; {AGAIN}"


def found(name: str | Path) -> tuple[Path, str, list[str] | None]:
    """Folder and full name of what a name means; the prefixes of its texts, if they are known.

    A name is one of :data:`optical_lite.model_files.KNOWN`, a folder, or a model of the hub, which
    is asked only where the name says so: ``hub:OWNER/NAME``, ``hub:OWNER/NAME@REVISION``, or one of
    :data:`optical_lite.model_files.REVISIONS`. A :class:`Path` is never more than a folder.
    """
    folder = Path(name)
    if isinstance(name, str):
        if known := model_files.find(name):
            return *model_files.folder(name), list(model_files.KNOWN[known].prefixes)
        if name.startswith(HUB) or (name in REVISIONS and not folder.exists()):
            return from_hub(name.removeprefix(HUB)), name, None
    if not folder.is_dir():
        hint = f"; for a model of the hub write {HUB}{name}" if NAME.fullmatch(str(name)) else ""
        expected = f"a folder with {', '.join(model_files.FILES)}; check the path{hint}"
        raise InputError("model", repr(str(name)), expected)
    return folder, str(name), None


def from_hub(name: str) -> Path:
    """Fetch a model of the hub, say so, and compare its files with the hub's hashes."""
    from huggingface_hub import snapshot_download

    repo, _, revision = name.partition("@")
    revision = revision or REVISIONS.get(repo, "main")
    if not NAME.fullmatch(repo):
        raise InputError("model", f"{HUB}{name}", f"{HUB}OWNER/NAME or {HUB}OWNER/NAME@REVISION")
    said = f"asking the hub (huggingface.co) for {repo}, revision {revision}"
    print(f"model: {said}", file=sys.stderr)
    try:
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=list(FILES)))
    except Exception as error:  # of the network, of the hub, of a name that it does not know
        got = f"no {repo!r} from the hub ({type(error).__name__})"
        expected = f"revision {revision}; check the name and the network, or give a folder"
        raise InputError("model", got, expected) from error
    for path in folder.iterdir():
        # large files are kept under their sha256
        if re.fullmatch(r"[0-9a-f]{64}", stated := Path(os.path.realpath(path)).name):
            verify(path, stated, "delete it and fetch it again")
    return folder


def inside(folder: str | Path, name: str) -> Path:
    """The path of a folder's file; a link that leads out of it is refused: it may be anyone's."""
    found = Path(folder) / name
    # unlike resolve, realpath takes a link to itself
    if not Path(os.path.realpath(found)).is_relative_to(os.path.realpath(folder)):
        expected = "a file of its own; copy the file in its place"
        raise InputError(found, f"a link out of {folder}", expected)
    return found


def load_model(folder: Path) -> nn.Module:
    """The model of a folder, float32, every weight from its file."""
    from transformers.utils import logging

    # its warnings and bars: what is wrong is an error of its own
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    path, state = folder / "model.safetensors", _tensors(folder)
    kept = _settings(folder / "config.json", len(state))
    with guard(folder / "config.json", SETTINGS):  # a configuration can be wrong in many ways
        model, found = _filled(kept, state)
        if (most := positions(model)) < 3:
            raise ValueError(f"positions for {most} tokens")
    prefix = f"{model.base_model_prefix}."
    _complete(path, found, prefix if any(key.startswith(prefix) for key in state) else "")
    for key, value in model.state_dict().items():
        # NaN is both ends of what it is among; isfinite would copy a large table
        if value.numel() and not all(end.isfinite() for end in value.aminmax()):
            got = f"{key} with values that are no finite numbers (NaN or inf)"
            raise InputError(path, got, f"finite ones; {AGAIN}")
    return model.eval()


def _settings(place: Path, tensors: int) -> dict:
    """The settings of a ``config.json`` that count, none of which asks for much memory or time."""
    from transformers import CONFIG_MAPPING, PreTrainedConfig

    record = read_json(place, SHAPE)
    if (family := record["model_type"]) not in FAMILIES:
        expected = f"a text encoder, one of {', '.join(FAMILIES)}; take another model"
        raise InputError(place, f"model_type {family!r}", expected)
    if len(record.get("prefixes", "12")) != 2:
        expected = f"two, of a question and of a passage; {AGAIN}"
        raise InputError(place, f"{len(record['prefixes'])} prefixes", expected)
    own = vars(CONFIG_MAPPING[family]()).keys() - vars(PreTrainedConfig()).keys()
    own -= {"sinusoidal_pos_embds"}  # values that the file has; to make them takes long
    kept = {key: value for key, value in record.items() if key in own or key in FURTHER}
    parts = [*kept.items()]
    for key, value in parts:  # it grows
        got, expected = f"{key} {value}", ""
        if isinstance(value, dict):
            parts += value.items()
            if more := {*value} - {*ROPE}:
                got, expected = f"{key} with {min(more)}", f"{', '.join(ROPE)}"
        elif isinstance(value, list):
            parts += ((key, part) for part in value)
            value = len(value)
        if isinstance(value, int | float):
            if SIZE.search(key) and value < 1 and (key, family[:7]) != NONE:
                expected = "a number above 0"
            elif PARTS.search(key) and isinstance(value, int) and value > tensors:
                got, expected = f"{value:,} layers", "those of model.safetensors"
            elif abs(value) > MOST:
                expected = f"at most {MOST:,}"
        if expected:
            got = f"{place}: got {got}"
            raise InputError(f"{got}, expected {expected}; {AGAIN}")
    return {**kept, "model_type": family}


def _filled(record: dict, state: dict[str, Tensor]) -> tuple[nn.Module, dict]:
    """A model of transformers' own classes with given weights, and what is said about them."""
    from transformers import CONFIG_MAPPING, MODEL_MAPPING

    config = CONFIG_MAPPING[record.pop("model_type")].from_dict(record)
    kind, extra = MODEL_MAPPING[type(config)], {"add_pooling_layer": False}  # it is not used
    with torch.device("meta"):  # sizes alone, no memory
        try:
            empty = kind(config, **extra)
        except TypeError:  # a class without that option
            empty, extra = kind(config), {}
    sides = empty.parameters(), state.values()
    wanted, given = (sum(map(Tensor.numel, tensors)) for tensors in sides)
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
        others = sorted(p.name for p in folder.glob("*") if p.suffix in PICKLES)
        if (folder / "model.safetensors.index.json").exists():
            others.append("model.safetensors.index.json")
        expected = "one file model.safetensors (a pickle can run code); save it anew with "
        expected += "save_pretrained, or check the path"
        raise InputError(folder, others[0] if others else "no weights", expected)
    return read_tensors(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file; a damaged one is named."""
    regular(path)
    try:
        with safe_open(path, "pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors' own, and the system's
        said = " ".join(str(error).split())[:80]
        raise InputError(path, f"no whole safetensors file ({said})", f"one; {AGAIN}") from None
    for key, value in found.items():
        if not value.is_floating_point() and not key.endswith("_ids"):
            raise InputError(path, f"{key} of {value.dtype}", f"floating-point numbers; {AGAIN}")
    return found


def _complete(path: Path, found: dict, prefix: str) -> None:
    """Raise unless a file held the model's tensors, and no others but a pooler and heads beside."""
    aside = ("pooler.", f"{prefix}pooler.")
    own = (key for key in found["unexpected_keys"] if key.startswith(prefix))
    unknown = [key for key in own if not key.startswith(aside)]
    changed = [
        f"{key} of shape {tuple(theirs)}, expected {tuple(ours)}"
        for key, theirs, ours in found["mismatched_keys"]
    ]
    kinds = {"no tensor": found["missing_keys"], "an unknown tensor": unknown, "tensor": changed}
    for said, names in kinds.items():
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            expected = "the tensors that config.json describes"
            raise InputError(f"{path}: got {said} {min(names)}{more}; expected {expected}; {AGAIN}")


def positions(model: nn.Module) -> int:
    """The most tokens that a model can read; RoBERTa's first positions are padding's."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    whole = getattr(model.config, "max_position_embeddings", 1 << 30)
    return whole if padding is None else whole - padding - 1


def first_layers(model: nn.Module, layers: int) -> nn.Module:
    """The same model, stopping after some of its layers; weights are shared."""
    whole = getattr(getattr(model, "encoder", None), "layer", ())
    if not 1 <= layers <= len(whole):
        raise InputError("encoder", f"{layers} layers", f"1 to {len(whole)}")
    model, stack = copy.copy(model), copy.copy(model.encoder)
    model._modules, stack._modules = dict(model._modules), dict(stack._modules)
    stack.layer, model.encoder = whole[:layers], stack
    model.__dict__.pop("_packed", None)  # weights laid out for the whole stack
    # What is saved of it says how many layers it has.
    model.config = copy.copy(model.config)
    model.config.num_hidden_layers = layers
    return model


def load_projection(folder: Path, width: int) -> nn.Linear | None:
    """The linear layer of a folder from hidden states to shorter token vectors, if it has one."""
    path = folder / model_files.PROJECTION
    if not path.exists():
        return None
    weight = read_tensors(path).get("weight")
    if weight is None or weight.ndim != 2 or weight.shape[1] != width or not len(weight):
        said = "no tensor weight" if weight is None else f"a weight of shape {tuple(weight.shape)}"
        raise InputError(path, said, f"one of shape (any, {width}); {AGAIN}")
    if not weight.isfinite().all():
        raise InputError(path, "values that are no finite numbers", f"finite ones; {AGAIN}")
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight.float()
    return layer
