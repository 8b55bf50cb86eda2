"""Panel: what the views of :mod:`.widgets` share: a picture, a line for problems, exports, a twin."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import ipywidgets as w
from IPython.display import DisplayHandle

from ..safe_files import write_atomic
from ..settings import InputError
from . import fonts
from .pictures import Picture

LABEL = {"description_width": "7.5em"}
KINDS = {"svg": "svg", "png": "png", "csv": "csv", "pharaoh": "links"}  # what is exported, and the ending of its file


def control(kind: type, name: str, wide: bool = False, **options) -> w.Widget:
    """A control with its label; each has a layout of its own, so that hiding one hides no other."""
    return kind(
        description=name, style=LABEL, layout=w.Layout(width="min(46em, 98%)" if wide else "24em"), **options
    )  # fmt: skip


def row(*parts: w.Widget) -> w.HBox:
    """Parts beside each other, or below where there is no room."""
    return w.HBox(list(parts), layout=w.Layout(flex_flow="row wrap"))


class Panel:
    """A picture, a line for problems, buttons that export what is shown, and the twin below."""

    def __init__(self, name: str, kinds: tuple[str, ...], folder: Path) -> None:
        self.name, self.folder, self.twin = name, folder, DisplayHandle()
        self.shown: Picture | None = None
        self.picture, self.message, self.fonts = w.HTML(), w.HTML(), w.HTML()
        self.buttons = {}
        for kind in (*kinds, "keep below"):
            title = kind if kind == "keep below" else f"export {kind}"
            self.buttons[kind] = w.Button(description=title, layout=w.Layout(width="9.5em"))
            self.buttons[kind].on_click(lambda _, kind=kind: self.press(kind))
        self.row = row(*self.buttons.values())
        self.below = [self.picture, self.row, self.message, self.fonts]

    def export(self, kind: str) -> bytes:
        """What is shown, in one of the forms of the buttons."""
        return self.shown.file.encode() if kind == "svg" else self.shown.png()

    def press(self, kind: str) -> None:
        """A button was pressed."""
        if self.shown is None:
            self.say("nothing is shown, so there is nothing to export", problem=True)
        elif kind == "keep below":
            self.twin.update(self.shown)
            self.say("kept below")
        else:
            number, ending = 1, KINDS[kind]
            while (path := self.folder / f"{self.name}_{number:03d}.{ending}").exists():
                number += 1
            self.say(f"wrote {write_atomic(path, self.export(kind))}")

    def say(self, text: str, problem: bool = False) -> None:
        """Tell something below the picture."""
        colour, role = ("#8a1538", "alert") if problem else ("#1b1b1b", "status")
        self.message.value = f'<div role="{role}" style="color:{colour}">{html.escape(text)}</div>' if text else ""

    def show(self, make: Callable[[], Picture]) -> None:
        """Draw; wrong input becomes one line instead of a traceback, and nothing stale stays on the screen."""
        try:
            self.shown = make()
        except InputError as error:
            self.shown, self.picture.value = None, ""
            self.say(str(error), problem=True)
        else:
            self.bring_letters(self.shown.body)
            self.picture.value = f'<div style="overflow-x:auto;background:#fff">{self.shown.svg}</div>'
            self.say("")

    def bring_letters(self, text: str) -> None:
        """Give the page a Devanagari font, once, when the first such letter is shown."""
        if not self.fonts.value and any(c in fonts.LETTERS for c in text):
            own = f'var(--jp-ui-font-family,sans-serif),"{fonts.DEVANAGARI}"'
            self.fonts.value = (
                f"<style>{fonts.face(fonts.LETTERS)}.olx select,.olx textarea{{font-family:{own}}}</style>"
            )
