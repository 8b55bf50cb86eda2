"""optical_lite: learn, see and reproduce optimal-transport distillation for cross-lingual retrieval.

``import optical_lite as ol`` loads nothing heavy; each module is imported when it is first used::

    ol.banner()                               # settings and versions
    ol.pocket, ol.published, ol.testsets      # data
    ol.own, ol.formats, ol.trec, ol.xor       # your own files, published formats and their scores
    ol.cost, ol.transport, ol.losses          # the method
    ol.encoder, ol.lexicon, ol.vocabulary     # models
    ol.distill, ol.runs                       # training
    ol.retrieval, ol.metrics                  # evaluation
    ol.alignment                              # plans to links, AER
    ol.plots, ol.check                        # figures, exercise checks
    ol.literature, ol.comparison, ol.claims   # published numbers beside ours, the ledger
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"
MODULES = (
    "settings", "safe_files", "provenance", "lines", "config", "text", "sources", "corpora", "pocket",
    "published", "testsets", "english", "cost", "logdomain", "transport", "packed", "encoder", "lexicon", "vocabulary",
    "losses", "store", "runs", "trainable", "distill", "index", "retrieval", "metrics", "plots", "demo", "check",
    "literature", "tables", "comparison", "claims", "pages", "reproduce", "tuning", "translation", "systems",
    "records", "grid", "evidence", "findings", "plots_evidence", "subwords", "linking", "alignment", "gold",
    "aligners", "align_files", "alignment_study", "fonts", "drawing", "pictures", "plots_alignment", "offers",
    "explorer", "reasons", "panel", "widgets", "page", "errors", "files", "own", "sgml", "topics", "trec",
    "msmarco", "wikiclir", "xglue", "xor", "formats", "commands", "run_files", "colbert", "paper_configs", "paper",
    "dry_run",
)  # fmt: skip
SHORT = {"banner": "provenance", "Encoder": "encoder", "save_figure": "plots", "DistillConfig": "config"}
__all__ = [*MODULES, *SHORT]


def __getattr__(name: str):
    if name in MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in SHORT:
        return getattr(importlib.import_module(f".{SHORT[name]}", __name__), name)
    raise AttributeError(f"optical_lite has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
