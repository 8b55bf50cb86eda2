"""Widgets: the explorer in a notebook, controls over the functions of :mod:`optical_lite.explorer`.

Nothing is loaded from a network and no callback starts a thread. Under the controls stands a *twin* of each view, a
plain picture that a viewer without a kernel shows; "keep below" puts there what the controls show now.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from pathlib import Path

import ipywidgets as w
from IPython.display import DisplayHandle, display

from . import alignment, linking, pocket, transport
from .alignment import AlignConfig
from .corpora import LANGUAGES, language
from .encoder import Encoder
from .explorer import SETS, Ask, Explorer, Students, examples, known_runs
from .explorer import students as every_student
from .pictures import Picture
from .reasons import Finder, shorten
from .settings import InputError, write_atomic

OWN = "your own"
WIDE = w.Layout(width="min(46em, 98%)")
LABEL = {"description_width": "7.5em"}
KINDS = {"svg": "svg", "png": "png", "csv": "csv", "pharaoh": "links"}  # what is exported, and the ending of its file


def _control(kind: type, name: str, **options) -> w.Widget:
    return kind(description=name, style=LABEL, **{"layout": w.Layout(width="22em"), **options})


class Panel:
    """What the three views share: a picture, a line for problems, buttons that export, and the twin below."""

    def __init__(self, name: str, kinds: tuple[str, ...], folder: Path) -> None:
        self.name, self.folder, self.twin = name, folder, DisplayHandle()
        self.shown: Picture | None = None
        self.picture, self.message = w.HTML(), w.HTML()
        self.buttons = {}
        for kind in (*kinds, "keep below"):
            title = kind if kind == "keep below" else f"export {kind}"
            self.buttons[kind] = w.Button(description=title, layout=w.Layout(width="9.5em"))
            self.buttons[kind].on_click(lambda _, kind=kind: self.press(kind))
        self.row = w.HBox(list(self.buttons.values()), layout=w.Layout(flex_flow="row wrap"))

    def export(self, kind: str) -> bytes:
        """What is shown, in one of the forms of the buttons."""
        return (self.shown.svg + "\n").encode() if kind == "svg" else self.shown.png()

    def press(self, kind: str) -> None:
        """A button was pressed."""
        if self.shown is None:
            self.say("nothing is shown, so there is nothing to export", problem=True)
        elif kind == "keep below":
            self.twin.update(self.shown)
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
            self.picture.value = f'<div style="overflow-x:auto;background:#fff">{self.shown.svg}</div>'
            self.say("")


class AlignmentPanel(Panel):
    """A sentence pair, a student and a solver; cost, plan, links and scores."""

    def __init__(self, explorer: Explorer, lang: str, folder: Path) -> None:
        super().__init__(f"alignment_{lang}", tuple(KINDS), folder)
        self.explorer, self.view, self.quiet = explorer, None, False
        self.language = _control(w.Dropdown, "language", options=[(LANGUAGES[c], c) for c in LANGUAGES], value=lang)
        self.set = _control(w.Dropdown, "sentences", options=(*SETS, OWN))
        self.pair = _control(w.Dropdown, "pair", layout=WIDE)
        self.source = _control(w.Textarea, "source", layout=WIDE, rows=2, continuous_update=False)
        self.target = _control(w.Textarea, "English", layout=WIDE, rows=2, continuous_update=False)
        names = list(explorer.students)
        self.student = _control(w.Dropdown, "student", options=names, value=names[-1])
        default = AlignConfig()
        methods = (*transport.METHODS, alignment.SIMILARITY)
        self.method = _control(w.Dropdown, "solver", options=methods, value=default.method)
        log = {"base": 10, "readout_format": ".3f"}
        self.epsilon = _control(w.FloatLogSlider, "epsilon", value=default.epsilon, min=-2.5, max=0.5, step=0.05, **log)
        self.marginals = _control(w.Dropdown, "marginals", options=alignment.MASSES, value=default.marginals)
        self.reach = _control(w.FloatLogSlider, "reach", value=0.5, min=-2, max=1, step=0.05, **log)
        self.mass = _control(w.FloatSlider, "mass moved", value=0.8, min=0.05, max=1, step=0.05)
        self.level = _control(w.Dropdown, "level", options=[("words", "word"), ("sub-words", "token")])
        self.rule = _control(w.Dropdown, "rule", options=linking.RULES, value=default.rule)
        self.threshold = _control(w.FloatSlider, "threshold", value=0.0, min=0, max=1, step=0.05)
        self.null = _control(w.FloatSlider, "null below", value=0.0, min=0, max=0.95, step=0.05)
        left = [self.language, self.set, self.student, self.level, self.marginals]
        right = [self.method, self.epsilon, self.reach, self.mass, self.rule, self.threshold, self.null]
        columns = w.HBox([w.VBox(left), w.VBox(right)], layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox([self.pair, self.source, self.target, columns, self.picture, self.row, self.message])
        for control in (self.language, self.set):
            control.observe(lambda _: self.fill(), "value")
        self.pair.observe(lambda _: self.pick(), "value")
        for control in (self.source, self.target, *left[2:], *right):
            control.observe(lambda _: self.draw(), "value")
        self.fill()

    def fill(self) -> None:
        """Another language or set: offer its pairs."""
        if self.set.value == OWN:
            self.pair.layout.display = "none"
            return self.draw()
        self.pair.layout.display = None
        try:
            found = examples(self.language.value, self.set.value)
        except InputError as error:
            self.pair.options = ()
            self.shown, self.picture.value = None, ""
            return self.say(str(error), problem=True)
        self.quiet = True
        self.pair.options = [(f"{k + 1}. {shorten(e.source, 72)}", k) for k, e in enumerate(found)]
        self.pair.index = 0
        self.quiet = False
        return self.pick()

    def pick(self) -> None:
        """Another pair: put its sentences into the boxes, then draw once."""
        if self.pair.value is not None and self.set.value != OWN and not self.quiet:
            example = examples(self.language.value, self.set.value)[self.pair.value]
            self.quiet = True
            self.source.value, self.target.value = example.source, example.target
            self.quiet = False
            self.draw()

    def ask(self) -> Ask:
        """What the controls ask for; gold only while the sentences are those of the gold set."""
        config = AlignConfig(
            method=self.method.value, epsilon=self.epsilon.value, marginals=self.marginals.value, rule=self.rule.value,
            threshold=self.threshold.value, level=self.level.value, null=self.null.value,
            reach=self.reach.value if self.method.value == "unbalanced" else None,
            mass=self.mass.value if self.method.value == "partial" else None,
        )  # fmt: skip
        text = self.source.value, self.target.value
        if self.set.value != OWN and self.pair.value is not None:
            example = examples(self.language.value, self.set.value)[self.pair.value]
            if text == (example.source, example.target):
                return Ask(*text, self.student.value, config, example.sure, example.possible)
        return Ask(*text, self.student.value, config)

    def draw(self) -> None:
        """Solve and draw what is asked."""
        if self.quiet:
            return
        self.epsilon.disabled = self.method.value in ("exact", alignment.SIMILARITY)
        self.reach.disabled, self.mass.disabled = self.method.value != "unbalanced", self.method.value != "partial"

        def make() -> Picture:
            self.view = self.explorer.view(self.ask())
            return self.view.picture

        self.show(make)

    def export(self, kind: str) -> bytes:
        """Exactly what is shown."""
        return self.view.export(kind)


class ReasonsPanel(Panel):
    """A question, ranked passages, and token-by-token reasons of two students."""

    def __init__(self, finder: Finder, folder: Path) -> None:
        super().__init__(f"reasons_{finder.collection.lang}", ("svg", "png"), folder)
        self.finder = finder
        texts = [(shorten(text, 80), text) for text in finder.collection.queries.values()]
        self.pick = _control(w.Dropdown, "pick", options=texts, layout=WIDE)
        self.question = _control(
            w.Textarea, "question", value=self.pick.value, layout=WIDE, rows=2, continuous_update=False
        )
        names = list(finder.explorer.students)
        self.before = _control(w.Dropdown, "before", options=names, value=names[0])
        self.after = _control(w.Dropdown, "after", options=names, value=names[-1])
        titles = [("the right one, else the best", None)]
        titles += [(f"{name}: {shorten(text, 56)}", name) for name, text in finder.collection.passages.items()]
        self.passage = _control(w.Dropdown, "passage", options=titles, layout=WIDE)
        choice = w.HBox([self.before, self.after], layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox([self.pick, self.question, choice, self.passage, self.picture, self.row, self.message])
        w.dlink((self.pick, "value"), (self.question, "value"))
        for control in (self.question, self.before, self.after, self.passage):
            control.observe(lambda _: self.draw(), "value")
        self.draw()

    def draw(self) -> None:
        """Search and explain."""
        asked = self.question.value, self.before.value, self.after.value, self.passage.value
        self.show(lambda: self.finder.picture(*asked))


class MoviePanel(Panel):
    """One plan over the checkpoints of a run; what to align is what the first view shows."""

    def __init__(self, main: AlignmentPanel, found: list[Path], folder: Path) -> None:
        super().__init__(f"movie_{main.language.value}", ("svg", "png"), folder)
        self.main, self.frames = main, []
        self.run = _control(w.Dropdown, "run", options=[(path.name, path) for path in found])
        self.load = w.Button(description="load the pair of tab 1", layout=w.Layout(width="14em"))
        self.step = _control(w.SelectionSlider, "step", options=[("-", 0)], layout=WIDE)
        self.play = w.Play(interval=900, min=0, max=0, description="play")
        self.load.on_click(lambda _: self.fill())
        self.run.observe(lambda _: self.fill(), "value")
        self.play.observe(lambda change: self.seek(change.new), "value")
        self.step.observe(lambda _: self.draw(), "value")
        row = w.HBox([self.run, self.load, self.play], layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox([row, self.step, self.picture, self.row, self.message])
        self.fill()

    def seek(self, frame: int) -> None:
        """The player moved on."""
        if frame < len(self.frames):
            self.step.index = frame

    def fill(self) -> None:
        """Ask every checkpoint of the run."""
        if self.run.value is None:
            self.say("no run with checkpoints here yet: run notebook 05 or `python -m optical_lite demo`, then again")
            return
        try:
            self.frames = self.main.explorer.movie(self.run.value, self.main.ask())
        except InputError as error:
            self.say(str(error), problem=True)
            return
        self.play.max = len(self.frames) - 1
        self.step.options = [(f"{step}", k) for k, (step, _) in enumerate(self.frames)]
        self.step.index = 0
        self.draw()

    def draw(self) -> None:
        """Show one frame."""
        if self.frames and self.step.value is not None:
            self.show(lambda: self.frames[self.step.value][1].picture)


class Tabs(w.Tab):
    """The three views; ``panels`` are their parts, for tests and for those who want to drive them by code."""

    def __init__(self, panels: dict[str, Panel]) -> None:
        super().__init__([panel.box for panel in panels.values()], titles=list(panels))
        self.panels = panels

    def __repr__(self) -> str:
        return "The explorer needs a running kernel; what it showed is pictured below."


def tabs(lang: str, known: Students, found: list[Path], folder: str | Path = "exports") -> Tabs:
    """The controls without their twins."""
    first = AlignmentPanel(Explorer(known), lang, Path(folder))
    panels: dict[str, Panel] = {"alignment": first}
    if lang in pocket.LANGUAGES:
        panels["search"] = ReasonsPanel(Finder(first.explorer, pocket.collection(lang)), Path(folder))
    panels["training"] = MoviePanel(first, found, Path(folder))
    return Tabs(panels)


def explorer(
    lang: str = "sw", students: Mapping[str, Encoder | str | Path] | None = None, *, run: str | Path | None = None,
    folder: str | Path = "exports",
) -> None:  # fmt: skip
    """Show the explorer: three views with controls, and under them a static twin of each.

    Parameters
    ----------
    lang : code of the source language; search is over the pocket collection, where it has the language
    students : encoders or run folders by name; default: the English encoder, the untrained extension of its vocabulary
        and every checkpoint below ``runs/``
    run : run folder of the training view; default: those below ``runs/``
    folder : where exports are written

    Raises
    ------
    InputError
        unknown language or run
    """
    lang = language(lang)
    known = Students(students) if students else every_student(lang)
    shown = tabs(lang, known, [Path(run)] if run else known_runs(lang), folder)
    display(shown)
    for panel in shown.panels.values():
        if panel.shown is not None:
            panel.twin.display(panel.shown)
