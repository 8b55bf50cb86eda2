r"""Dry run: what a configuration of the paper profile costs, with the arithmetic in sight.

Parameters are counted from the shape of the model. A multiply-add is two operations; a training
step costs three times its forward pass (backward is twice as much). For a layer of width d and
inner width f at n tokens, each token costs

.. math:: 2 (4 d^2 + 2 d f) + 4 n d

for its matrices and for attention. Kept for the backward pass is what Korthikanti et al. (arXiv
2205.05198) count, :math:`34 d + 5 a n` bytes a token and layer with a heads, dropout's masks
included, which this kit does without. Times are operations over a stated share of a GPU's peak:
measure yours and give it as ``--share``.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..json_files import read_json
from ..settings import InputError, one_of
from .configs import MBERT, TINY, XLMR, PaperConfig

# dense bfloat16 TFLOP/s and GB of memory, from NVIDIA's data sheets; the H100 is the SXM module
GPUS = {"A100": (312, 80), "H100": (989, 80)}
# of the peak; BERT layers reach 0.44 on an A100 (github.com/fanghostt/transformers-benchmarks)
SHARE = 0.3


class Shape(NamedTuple):
    """The sizes that decide what a BERT-like encoder costs, named as in its ``config.json``."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int


SHAPES = {  # as in the models' own config.json
    MBERT: Shape(119_547, 768, 12, 12, 3072, 512, 2),
    XLMR: Shape(250_002, 768, 12, 12, 3072, 514, 1),
    "tiny": Shape(*TINY.values()),
}


def shape_of(model: str) -> Shape:
    """The shape of a model of this profile, or of a local folder's ``config.json``."""
    if model in SHAPES:
        return SHAPES[model]
    place = Path(model) / "config.json"
    if not place.exists():
        expected = f"a folder with config.json or {', '.join(SHAPES)}"
        raise InputError(f"dry run: got model {model!r}, expected {expected}")
    found = read_json(place, dict.fromkeys(Shape._fields, int))
    return Shape(*(found[name] for name in Shape._fields))


def parameters(shape: Shape, dimension: int) -> dict[str, int]:
    """Numbers to train: ``embeddings``, ``layers``, ``projection`` and their sum ``total``.

    >>> parameters(SHAPES["tiny"], 32)["total"]
    306560
    """
    d, f = shape.hidden_size, shape.intermediate_size
    rows = shape.vocab_size + shape.max_position_embeddings + shape.type_vocab_size
    found = {
        "embeddings": rows * d + 2 * d,
        "layers": shape.num_hidden_layers * (4 * (d * d + d) + d * f + f + f * d + d + 4 * d),
        "projection": d * dimension,
    }
    return {**found, "total": sum(found.values())}


def forward(shape: Shape, tokens: int, dimension: int) -> int:
    """Operations for one text of so many tokens."""
    d, f = shape.hidden_size, shape.intermediate_size
    layer = 2 * (4 * d * d + 2 * d * f) + 4 * tokens * d  # a token
    return tokens * (shape.num_hidden_layers * layer + 2 * d * dimension)


def kept(shape: Shape, texts: int, tokens: int) -> int:
    """Bytes kept for the backward pass of some texts of so many tokens, in 16 bits."""
    layer = 34 * shape.hidden_size + 5 * shape.num_attention_heads * tokens  # a token
    return texts * tokens * shape.num_hidden_layers * layer


def estimate(config: PaperConfig) -> dict:
    """What a configuration costs.

    Returns
    -------
    dict with ``parameters``; bytes ``weights``, ``optimizer`` (gradients and Adam's two moments);
    and for each of ``teacher`` and ``student``: ``step`` and ``total`` operations, ``activations``
    and ``memory`` in bytes. Texts count with their full length, so operations and activations are
    upper bounds. ``passages`` is for a million of them: operations, and bytes of the index.
    """
    shape, t, s = shape_of(config.model), config.teacher, config.student
    q, p, d = t.question_length, t.passage_length, t.dimension
    count = parameters(shape, d)
    question, passage = forward(shape, q, d), forward(shape, p, d)
    weights, optimizer = 4 * count["total"], 12 * count["total"]
    found = {"shape": shape._asdict(), "parameters": count}
    found |= {"weights": weights, "optimizer": optimizer}
    triples = kept(shape, t.batch, q) + kept(shape, 2 * t.batch, p)
    sides = (
        ("teacher", t.steps, 3 * t.batch * (question + 2 * passage), triples, 0),
        ("student", s.steps, s.batch * 4 * question, kept(shape, s.batch, q), weights),
    )
    for name, steps, step, activations, frozen in sides:
        memory = weights + optimizer + activations + frozen
        cell = {"step": step, "total": step * steps, "activations": activations, "memory": memory}
        found[name] = cell
    found["passages"] = {"total": 10**6 * passage, "index": 10**6 * p * d * 2}
    return found


def report(config: PaperConfig, gpu: str = "A100", share: float | None = None) -> dict:
    """Print what a configuration asks for and costs; :func:`estimate`, and ``hours`` beside."""
    one_of("dry run: got --gpu", gpu, GPUS)
    share, found, (peak, room) = share or SHARE, estimate(config), GPUS[gpu]
    shape, count, t, s = shape_of(config.model), found["parameters"], config.teacher, config.student
    v, d, n, _, f, *positions = shape
    print(f"{config.name}: {config.model}, nothing is trained\n{config.note}\nsettings")
    for name, value, source in config.settings():
        print(f"  {name:<24}{value!s:<12}  {source}")
    layer = f"4 x ({d}² + {d}) + 2 x {d} x {f} + {f} + {d} + 4 x {d}"
    training = found["weights"] + found["optimizer"]
    print(
        f"\nparameters: {count['total']:,}\n"
        f"  embeddings  ({v:,} + {sum(positions)}) x {d} + 2 x {d} = {count['embeddings']:,}\n"
        f"  layers      {n} x ({layer}) = {count['layers']:,}\n"
        f"  projection  {d} x {t.dimension} = {count['projection']:,}\n\n"
        f"memory of training, GB (the {gpu} has {room})\n"
        f"  weights 4 B, gradients 4 B, Adam 8 B a parameter: 16 x {count['total']:,} = "
        f"{_gb(training)}"
    )
    for name, beside in (
        ("teacher", ""),
        ("student", f" + the frozen teacher {_gb(found['weights'])}"),
    ):
        memory, activations = found[name]["memory"], _gb(found[name]["activations"])
        full = memory > room * 1e9
        note = "  too much: a smaller batch" if full else ""
        print(f"  {name}: that + activations {activations}{beside} = {_gb(memory)}{note}")
    q, p = t.question_length, t.passage_length
    question, passage = (f"{forward(shape, k, t.dimension):.3g}" for k in (q, p))
    print(
        f"\noperations; hours on one {gpu} at {share:.0%} of {peak} TFLOP/s\n"
        f"  a question of {q} tokens, forward: {question}; a passage of {p}: {passage}\n"
        f"  teacher step: 3 x {t.batch} x ({question} + 2 x {passage}) = "
        f"{found['teacher']['step']:.3g}\n"
        f"  student step: {s.batch} x (3 x {question} + the teacher's {question}) = "
        f"{found['student']['step']:.3g}"
    )
    for name, label in (
        ("teacher", f"teacher, {t.steps:,} steps"),
        ("student", f"student, {s.steps:,} steps"),
        ("passages", "a million passages, encoded once"),
    ):
        cell = found[name]
        cell["hours"] = cell["total"] / (peak * 1e12 * share) / 3600
        print(f"  {label}: {cell['total']:.3g} = {cell['hours']:,.3g} h")
    size = f"10⁶ x {p} x {t.dimension} x 2 B = {_gb(found['passages']['index'])}"
    print(f"  index of a million passages: {size} GB at most, disk and memory")
    return found


def _gb(size: int) -> str:
    return f"{size / 1e9:,.3g}"
