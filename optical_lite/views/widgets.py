"""Widgets: the explorer in a notebook, controls over the functions of :mod:`.explorer`.

Nothing is loaded from a network and no callback starts a thread. Under the controls stands a *twin* of each view, a
plain picture that a viewer without a kernel shows; "keep below" puts there what the controls show now.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import ipywidgets as w
from IPython.display import display

from .. import transport
from ..alignment import linking, plans
from ..alignment.plans import AlignConfig
from ..corpora import LANGUAGES, language
from ..datasets import pocket
from ..encoder import Encoder
from ..settings import InputError
from . import choices
from .choices import Students, examples, known_runs
from .explorer import Ask, Explorer
from .panel import KINDS, Panel, control, row
from .pictures import Picture
from .why_found import Finder, shorten

OWN = "your own"
NO_RUN = "no run with checkpoints here yet: run notebook 03 or `python -m optical_lite demo`, then again"


class AlignmentPanel(Panel):
    """A sentence pair, a student and a solver; cost, plan, links and scores."""

    def __init__(self, explorer: Explorer, lang: str, folder: Path) -> None:
        super().__init__(f"alignment_{lang}", tuple(KINDS), folder)
        self.explorer, self.view, self.quiet = explorer, None, False
        self.names = {lang: list(explorer.students)}  # by language
        self.language = control(w.Dropdown, "language", options=[(LANGUAGES[c], c) for c in LANGUAGES], value=lang)
        self.set = control(w.Dropdown, "sentences", options=(*choices.sets(lang), OWN))
        self.pair = control(w.Dropdown, "pair", wide=True)
        self.source = control(w.Textarea, "source", wide=True, rows=2, continuous_update=False)
        self.target = control(w.Textarea, "English", wide=True, rows=2, continuous_update=False)
        self.student = control(w.Dropdown, "student", options=self.names[lang], value=self.names[lang][-1])
        default = AlignConfig()
        methods = (*transport.METHODS, plans.SIMILARITY)
        self.method = control(w.Dropdown, "solver", options=methods, value=default.method)
        log = {"base": 10, "readout_format": ".3f"}
        self.epsilon = control(w.FloatLogSlider, "epsilon", value=default.epsilon, min=-2.5, max=0.5, step=0.05, **log)
        self.marginals = control(w.Dropdown, "marginals", options=plans.MASSES, value=default.marginals)
        self.reach = control(w.FloatLogSlider, "reach", value=0.5, min=-2, max=1, step=0.05, **log)
        self.mass = control(w.FloatSlider, "mass moved", value=0.8, min=0.05, max=1, step=0.05)
        self.level = control(w.Dropdown, "level", options=[("words", "word"), ("sub-words", "token")])
        self.rule = control(w.Dropdown, "rule", options=linking.RULES, value=default.rule)
        self.threshold = control(w.FloatSlider, "threshold", value=0.0, min=0, max=1, step=0.05)
        self.null = control(w.FloatSlider, "null below", value=0.0, min=0, max=0.95, step=0.05)
        left = [self.language, self.set, self.student, self.level, self.marginals]
        right = [self.method, self.epsilon, self.reach, self.mass, self.rule, self.threshold, self.null]
        columns = row(w.VBox(left), w.VBox(right))
        self.box = w.VBox([self.pair, self.source, self.target, columns, *self.below])
        self.language.observe(lambda _: self.speak(), "value")
        self.set.observe(lambda _: self.fill(), "value")
        self.pair.observe(lambda _: self.pick(), "value")
        for part in (self.source, self.target, *left[2:], *right):
            part.observe(lambda _: self.draw(), "value")
        self.fill()

    def speak(self) -> None:
        """Another language: offer its sentences and its students."""
        code = self.language.value
        self.shown, self.picture.value = None, ""
        self.say(f"loading what there is for {LANGUAGES[code]} ...")
        if code not in self.names:
            self.names[code] = choices.offer(self.explorer.students, code)
        self.quiet = True
        kept, found = self.set.value, (*choices.sets(code), OWN)
        self.set.options, self.student.options = found, self.names[code]
        stay = kept in found and (kept != OWN or self.source.value.strip())  # own text stays, empty boxes do not
        self.set.value, self.student.value = kept if stay else found[0], self.names[code][-1]
        if self.set.value == OWN != kept:  # nothing to pick here: leave no sentence of another language
            self.source.value = self.target.value = ""
        self.quiet = False
        self.name = f"alignment_{code}"
        self.fill()

    def fill(self) -> None:
        """Another set: offer its pairs."""
        if self.quiet:
            return None
        self.pair.layout.display = "none" if self.set.value == OWN else None
        if self.set.value == OWN:
            return self.draw()
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
            return None
        if self.set.value == OWN and not (self.source.value.strip() or self.target.value.strip()):
            self.shown, self.picture.value = None, ""
            return self.say("type a sentence and its English translation")
        self.epsilon.disabled = self.method.value in ("exact", plans.SIMILARITY)
        self.reach.disabled, self.mass.disabled = self.method.value != "unbalanced", self.method.value != "partial"

        def make() -> Picture:
            self.view = self.explorer.view(self.ask())
            return self.view.picture

        return self.show(make)

    def export(self, kind: str) -> bytes:
        """Exactly what is shown."""
        return self.view.export(kind)


class ReasonsPanel(Panel):
    """A question, ranked passages, and token-by-token reasons of two students."""

    def __init__(self, finder: Finder, folder: Path) -> None:
        super().__init__(f"reasons_{finder.collection.lang}", ("svg", "png"), folder)
        self.finder = finder
        texts = [(shorten(text, 80), text) for text in finder.collection.queries.values()]
        self.pick = control(w.Dropdown, "pick", options=texts, wide=True)
        self.question = control(
            w.Textarea, "question", value=self.pick.value, wide=True, rows=2, continuous_update=False
        )
        names = list(finder.explorer.students)
        self.before = control(w.Dropdown, "before", options=names, value=names[0])
        self.after = control(w.Dropdown, "after", options=names, value=names[-1])
        titles = [("the right one, else the best", "")]
        titles += [(f"{name}: {shorten(text, 56)}", name) for name, text in finder.collection.passages.items()]
        self.passage = control(w.Dropdown, "passage", options=titles, wide=True)
        choice = row(self.before, self.after)
        self.box = w.VBox([self.pick, self.question, choice, self.passage, *self.below])
        w.dlink((self.pick, "value"), (self.question, "value"))
        for part in (self.question, self.before, self.after, self.passage):
            part.observe(lambda _: self.draw(), "value")
        self.draw()

    def draw(self) -> None:
        """Search and explain."""
        asked = self.question.value, self.before.value, self.after.value, self.passage.value or None
        self.show(lambda: self.finder.picture(*asked))


class MoviePanel(Panel):
    """One plan over the checkpoints of a run; what to align is what the first view shows."""

    def __init__(self, main: AlignmentPanel, found: list[Path], folder: Path) -> None:
        super().__init__(f"movie_{main.language.value}", ("svg", "png"), folder)
        self.main, self.frames, self.found, self.code = main, [], found, main.language.value
        self.quiet = False
        self.run = control(w.Dropdown, "run", options=[(path.name, path) for path in found])
        self.load = w.Button(description="load the pair of tab 1", layout=w.Layout(width="14em"))
        self.step = control(w.SelectionSlider, "step", options=[("-", 0)], wide=True)
        self.play = w.Play(interval=900, min=0, max=0, description="play")
        self.load.on_click(lambda _: self.fill())
        self.run.observe(lambda _: self.quiet or self.fill(), "value")
        self.play.observe(lambda change: self.seek(change.new), "value")
        self.step.observe(lambda _: self.draw(), "value")
        self.box = w.VBox([row(self.run, self.load, self.play), self.step, *self.below])
        main.language.observe(lambda change: self.speak(change.new), "value")
        self.fill()

    def speak(self, code: str) -> None:
        """The first view has another language: offer the runs of that one."""
        self.frames, self.shown, self.picture.value, self.name = [], None, "", f"movie_{code}"
        self.step.options, self.play.max = [("-", 0)], 0
        self.quiet = True
        self.run.options = [(path.name, path) for path in (self.found if code == self.code else known_runs(code))]
        self.run.index = 0 if self.run.options else None
        self.quiet = False
        self.say(f"{LANGUAGES[code]}: press the button to load the pair of tab 1" if self.run.options else NO_RUN)

    def seek(self, frame: int) -> None:
        """The player moved on."""
        if frame < len(self.frames):
            self.step.index = frame

    def fill(self) -> None:
        """Ask every checkpoint of the run."""
        if self.run.value is None:
            self.say(NO_RUN)
            return
        self.say("asking every checkpoint ...")
        try:
            self.frames = self.main.explorer.movie(self.run.value, self.main.ask())
        except InputError as error:
            self.frames, self.shown, self.picture.value = [], None, ""
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
        self.add_class("olx")
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
    known = Students(students) if students else choices.students(lang)
    shown = tabs(lang, known, [Path(run)] if run else known_runs(lang), folder)
    display(shown)
    for panel in shown.panels.values():
        if panel.shown is not None:
            panel.twin.display(panel.shown)
