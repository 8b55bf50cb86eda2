"""Learn, see and reproduce optimal-transport distillation for cross-lingual retrieval.

``import optical_lite as ol`` loads nothing heavy: each name of the shelf below is imported when it
is first used. The method lies flat in this folder, in reading order: text, corpora, cost,
transport, losses, encoder, lexicon, vocabulary, config, distillation, index, retrieval, lexical,
metrics, significance; beside it the ground: settings, files, weights. Everything else is a room,
and a room imports only what stands before it here: ground, kernels, the method, engines, formats,
datasets, training, alignment, paper, views, study, lessons, bench, cli.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"
SHELF = {  # public name: its module, and after a colon what of it
    "banner": "provenance:banner", "settings": "settings", "DistillConfig": "config:DistillConfig",
    "text": "text", "corpora": "corpora", "own": "formats.own", "cost": "cost",
    "transport": "transport", "losses": "losses",
    "encoder": "encoder", "lexicon": "lexicon", "vocabulary": "vocabulary",
    "distillation": "distillation",
    "retrieval": "retrieval", "metrics": "metrics", "significance": "significance",
    "pocket": "datasets.pocket", "testsets": "datasets.testsets",
    "alignment": "alignment", "gold": "alignment.gold",
    "distill": "training.distill", "runs": "training.runs",
    "plots": "views.figures",
    "plots_alignment": "views.figures_alignment", "plots_evidence": "views.figures_evidence",
    "widgets": "views.explorer",
    "evidence": "study.evidence", "literature": "study.published_numbers",
    "comparison": "study.summary", "pages": "study.pages",
    "alignment_study": "study.alignment_grid", "demo": "study.demo",
    "errors": "lessons.side_by_side", "check": "lessons.checks",
}  # fmt: skip
__all__ = list(SHELF)


def __getattr__(name: str):
    if name not in SHELF:
        raise AttributeError(f"optical_lite has no {name!r}; it has {', '.join(SHELF)}")
    place, _, attribute = SHELF[name].partition(":")
    module = importlib.import_module(f".{place}", __name__)
    return getattr(module, attribute) if attribute else module


def __dir__() -> list[str]:
    return __all__
