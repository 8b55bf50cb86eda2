"""Dry run: what a configuration of the experiment costs, with the arithmetic in sight.

A multiply-add is two operations; a training step costs three times its forward pass (backward is
twice as much). Times are operations over a stated share of a GPU's peak: measure yours and give it
as ``--share``.
"""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

from ..json_files import read_json
from ..settings import InputError, one_of
from .configs import MBERT, TINY, XLMR, PaperConfig

# dense bfloat16 TFLOP/s and GB of memory, from NVIDIA's data sheets; the H100 is the SXM module
GPUS = {"A100": (312, 80), "H100": (989, 80)}
# of the peak; BERT layers reach 0.44 on an A100 (github.com/fanghostt/transformers-benchmarks)
SHARE = 0.3
# the sizes that decide what a BERT-like encoder costs, as in the models' own ``config.json``
Shape = namedtuple("Shape", TINY)
SHAPES = {
    MBERT: Shape(119_547, 768, 12, 12, 3072, 512, 2),
    XLMR: Shape(250_002, 768, 12, 12, 3072, 514, 1),
    "tiny": Shape(**TINY),
}


def shape_of(model: str) -> Shape:
    """The shape of a model that it knows, or of a local folder's ``config.json``."""
    if model in SHAPES:
        return SHAPES[model]
    place = Path(model) / "config.json"
    if not place.exists():
        expected = f"a folder with config.json or {', '.join(SHAPES)}"
        raise InputError("dry run", f"model {model!r}", expected)
    found = read_json(place, dict.fromkeys(TINY, int))
    return Shape(**{name: found[name] for name in TINY})


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
    layer = 2 * (4 * d * d + 2 * d * f) + 4 * tokens * d  # a token: its matrices, and attention
    return tokens * (shape.num_hidden_layers * layer + 2 * d * dimension)


def kept(shape: Shape, texts: int, tokens: int) -> int:
    """Bytes kept for the backward pass of some texts of so many tokens, in 16 bits.

    Dropout's masks are included, which this kit does without. Source: Korthikanti et al.,
    arXiv 2205.05198.
    """
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
    for name, steps, step, activations, frozen in (
        ("teacher", t.steps, 3 * t.batch * (question + 2 * passage), triples, 0),
        ("student", s.steps, s.batch * 4 * question, kept(shape, s.batch, q), weights),
    ):
        found[name] = {"step": step, "total": step * steps, "activations": activations}
        found[name]["memory"] = weights + optimizer + activations + frozen
    found["passages"] = {"total": 10**6 * passage, "index": 10**6 * p * d * 2}
    return found


def report(config: PaperConfig, gpu: str = "A100", share: float | None = None) -> dict:
    """Print what a configuration asks for and costs; :func:`estimate`, and ``hours`` beside."""
    one_of("dry run: got --gpu", gpu, GPUS)
    share, found, (peak, room) = share or SHARE, estimate(config), GPUS[gpu]
    shape, count, t, s = shape_of(config.model), found["parameters"], config.teacher, config.student
    v, d, n, _, f, *positions = shape
    q, p = t.question_length, t.passage_length
    asked, read = (f"{forward(shape, length, t.dimension):.3g}" for length in (q, p))
    weights, training = _gb(found["weights"]), _gb(found["weights"] + found["optimizer"])
    memory = {}
    for name, beside in (("teacher", ""), ("student", f" + the frozen teacher {weights}")):
        size, activations = found[name]["memory"], _gb(found[name]["activations"])
        note = "  too much: a smaller batch" if size > room * 1e9 else ""
        memory[name] = f"that + activations {activations}{beside} = {_gb(size)}{note}"
    hours = {}
    for name in ("teacher", "student", "passages"):
        total = found[name]["total"]
        found[name]["hours"] = total / (peak * 1e12 * share) / 3600
        hours[name] = f"{total:.3g} = {found[name]['hours']:,.3g} h"
    lines = [f"  {name:<24}{value!s:<12}  {source}" for name, value, source in config.settings()]
    settings = "\n".join(lines)
    print(f"""{config.name}: {config.model}, nothing is trained
{config.note}
settings
{settings}

parameters: {count["total"]:,}
  embeddings  ({v:,} + {sum(positions)}) x {d} + 2 x {d} = {count["embeddings"]:,}
  layers      {n} x (4 x ({d}² + {d}) + 2 x {d} x {f} + {f} + {d} + 4 x {d}) = {count["layers"]:,}
  projection  {d} x {t.dimension} = {count["projection"]:,}

memory of training, GB (the {gpu} has {room})
  weights 4 B, gradients 4 B, Adam 8 B a parameter: 16 x {count["total"]:,} = {training}
  teacher: {memory["teacher"]}
  student: {memory["student"]}

operations; hours on one {gpu} at {share:.0%} of {peak} TFLOP/s
  a question of {q} tokens, forward: {asked}; a passage of {p}: {read}
  teacher step: 3 x {t.batch} x ({asked} + 2 x {read}) = {found["teacher"]["step"]:.3g}
  student step: {s.batch} x (3 x {asked} + the teacher's {asked}) = {found["student"]["step"]:.3g}
  teacher, {t.steps:,} steps: {hours["teacher"]}
  student, {s.steps:,} steps: {hours["student"]}
  a million passages, encoded once: {hours["passages"]}
  index of a million passages: 10⁶ x {p} x {t.dimension} x 2 B = {_gb(found["passages"]["index"])} \
GB at most, disk and memory""")
    return found


def _gb(size: int) -> str:
    return f"{size / 1e9:,.3g}"
