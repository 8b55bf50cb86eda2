"""Explorer: plans that move under the hand, in JupyterLab, VS Code and Colab, with a kernel."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import anywidget
import matplotlib.pyplot as plt
import traitlets

from ..alignment.plans import realign
from ..encoder import Encoder
from ..settings import InputError
from . import choices, figures_alignment, fonts, page
from .material import Material, Row


class Explorer(anywidget.AnyWidget):
    """The view of ``explorer.js``; a viewer without a kernel shows a picture of its first pair.

    Its ``state`` is what differs from how the view begins; give it back: ``explorer(state=...)``.
    """

    _esm, _css = page.module(), page.css()
    data = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, material: Material, state: dict) -> None:
        self.material = material
        rows, texts = choices.opening_pairs(material), choices.opening_questions(material)
        data = material.data(rows, texts, list(dict.fromkeys(material.compared)))
        first = [k for k, _ in rows]
        for item, k in zip(data["pairs"], first, strict=True):
            item["row"] = k
        for k, (source, *_) in enumerate(material.rows):
            if k not in first:
                words = source.split() if isinstance(source, str) else source
                data["pairs"].append({"row": k, "source": " ".join(words)})
        self.first = first[0]
        drawn = not set(fonts.LETTERS).isdisjoint(str(data["pairs"]))
        data["face"] = fonts.face(fonts.LETTERS) if drawn else ""
        super().__init__(data=data, state=state)
        self.on_msg(self._answer)

    def _answer(self, _widget, asked: dict, _buffers) -> None:
        try:
            found = self.material.answer(asked)
        except InputError as error:
            found = {"problem": str(error)}
        self.send({"id": asked["id"], **found})

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["image/png"] = base64.b64encode(self.picture()).decode()
        data["text/plain"] = "The explorer needs a running kernel; pictured is what it shows first."
        source, target = self.material.rows[self.first][:2]
        first, last = self.material.compared
        words = f"the words of {source!r} and {target!r}"
        alt = f"Links between {words}: by {first} above, by {last} below."
        return data, {**metadata, "image/png": {"alt": alt}}

    def picture(self) -> bytes:
        """The first pair by the two compared students, as PNG."""
        row, out = self.material.rows[self.first], io.BytesIO()
        figure, axes = plt.subplots(2, figsize=(9, 4.2), layout="constrained")
        gold = dict(zip(("sure", "possible"), row[2:], strict=False))
        for ax, name in zip(axes, self.material.compared, strict=True):
            (one,) = realign(self.material.encoded([row], name))
            words = one.source_words, one.target_words
            figures_alignment.links(*words, one.links, title=name, ax=ax, **gold)
        figure.savefig(out, dpi=90)
        plt.close(figure)
        return out.getvalue()


def explorer(
    lang: str = "sw", students: Mapping[str, Encoder | str | Path] | None = None, *,
    pairs: Sequence[Row] | None = None, run: str | Path | None = None, layers: Sequence[int] = (0,),
    state: Mapping | None = None,
) -> Explorer:  # fmt: skip
    """The explorer as a widget: alignments and a search that move; Python only encodes.

    Parameters
    ----------
    lang : code of the source language; search is over the pocket collection, where it has it
    students : encoders or run folders by name; default: the English encoder, the untrained
        extension of its vocabulary and every checkpoint below ``runs/``
    pairs : (source, target), or with sure and possible gold links; default: pocket's gold
    run : run folder whose checkpoints can be scrubbed; default: those below ``runs/``
    layers : where encoders may stop, 0 for the last layer
    state : what the button "link" copied, or ``widget.state`` of an earlier one
    """
    known = dict(students) if students else choices.students(lang, None if run is None else [])
    if run is not None:
        known |= choices.checkpoints(run)
    return Explorer(Material(lang, known, pairs, layers), dict(state or {}))
