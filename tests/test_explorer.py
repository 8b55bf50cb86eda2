"""The explorer's state without a kernel, its panels without a browser, and how long a change takes."""

import dataclasses
import statistics
import time

import pytest

from optical_lite.alignment import linking
from optical_lite.alignment.plans import AlignConfig
from optical_lite.config import DistillConfig
from optical_lite.datasets import pocket
from optical_lite.settings import InputError
from optical_lite.training import distill
from optical_lite.views import choices, explorer, why_found, widgets

pytestmark = pytest.mark.float32


@pytest.fixture(scope="module")
def run(teacher, tmp_path_factory):
    from optical_lite import vocabulary

    bitext = pocket.bitext("sw")
    config = DistillConfig(steps=2, batch=8, keep=(1,))
    student = vocabulary.extend(teacher, bitext)
    return distill.distill(student, teacher, bitext, config, tmp_path_factory.mktemp("x") / "run", progress=False)


@pytest.fixture(scope="module")
def known(teacher, student):
    return choices.Students({"English encoder": teacher, "extended": student})


@pytest.fixture(scope="module")
def lab(known):
    return explorer.Explorer(known)


@pytest.fixture
def ask():
    pair = choices.examples("sw", "pocket, with gold")[1]
    return explorer.Ask(pair.source, pair.target, "extended", AlignConfig(), pair.sure, pair.possible)


def test_a_view_says_cost_convergence_and_scores_against_gold(lab, ask):
    view = lab.view(ask)
    assert view.score == linking.score(view.alignment.links, ask.sure, ask.possible)
    text = "\n".join(view.facts)
    assert f"transport cost {view.alignment.transport_cost:.4f}" in text
    assert f"AER {view.score.aer:.3f}" in text
    assert "converged after" in text
    assert lab.view(dataclasses.replace(ask, sure=None)).score is None
    broken = dataclasses.replace(view, alignment=dataclasses.replace(view.alignment, converged=False))
    assert "NOT CONVERGED" in "\n".join(broken.facts)
    with pytest.raises(InputError, match=r"got epsilon 0\.0005 for method scaling, whose kernel underflows"):
        lab.view(dataclasses.replace(ask, config=AlignConfig(method="scaling", epsilon=0.0005)))


def test_exports_are_what_is_shown(lab, ask):
    for level, words_ in (("word", True), ("token", False)):
        view = lab.view(dataclasses.replace(ask, config=AlignConfig(level=level)))
        a = view.alignment
        lines = view.export("csv").decode().splitlines()
        assert len(lines) == 1 + len(a.source_words if words_ else a.source_tokens)
        assert float(lines[1].split(",")[1]) == pytest.approx(float((a.word_plan if words_ else a.plan)[0][0]))
        assert linking.from_pharaoh(view.export("pharaoh").decode())[0] == a.links
        assert view.export("svg").decode() == view.picture.svg + "\n"
        assert view.export("png").startswith(b"\x89PNG")
    with pytest.raises(InputError, match="got 'gif'"):
        view.export("gif")


def test_bad_text_is_told(lab, ask):
    for source, message in (("", "empty source side"), ("maji " * 80, "expected at most 60 to draw")):
        with pytest.raises(InputError, match=message):
            lab.view(dataclasses.replace(ask, source=source))
    assert lab.view(dataclasses.replace(ask, source="maji", target="water")).alignment.links == {(0, 0)}
    strange = lab.view(dataclasses.replace(ask, source="ⵣⵣⵣ maji", sure=None))
    assert "unknown to the tokenizer, so never linked: ⵣⵣⵣ" in "\n".join(strange.facts)
    arabic = lab.view(dataclasses.replace(ask, source="الماء نظيف", sure=None))
    assert "الماء" in arabic.picture.svg
    with pytest.raises(InputError, match="got student 'x'"):
        lab.view(dataclasses.replace(ask, student="x"))
    with pytest.raises(InputError, match="got sentences 'x'"):
        choices.examples("sw", "x")


def test_hard_texts_are_drawn(lab, ask):
    for source, target in (("ⵣⵣⵣ", "water"), ("Clean water.", "Clean water."), ("maji", "water"), ("ماء نظيف", "x")):
        for level in ("word", "token"):
            text = dataclasses.replace(ask, source=source, target=target, sure=None, config=AlignConfig(level=level))
            view = lab.view(text)
            assert "NaN" not in view.picture.svg
            assert view.export("csv")
    assert lab.view(dataclasses.replace(ask, source="maji", target="water", sure=None)).facts[1].startswith("1 link b")
    cheap = lab.view(dataclasses.replace(ask, source="water", target="water", student="English encoder", sure=None))
    assert "#00306f" in cheap.picture.svg.split("cost C, dark is cheap")[1].split("plan T")[0]  # one cell, and dark


def test_flores_offers_what_fits(lab, mirror):
    for lang in ("sw", "mr", "hi"):
        found = choices.examples(lang, choices.FLORES)
        assert len(found) > 100
        english = "English encoder"  # cuts foreign words into the most pieces
        for example in max(found, key=lambda e: len(e.source)), max(found, key=lambda e: len(e.target)), found[0]:
            view = lab.view(explorer.Ask(example.source, example.target, english))
            assert max(len(view.alignment.source_words), len(view.alignment.target_words)) <= choices.FITS
            assert view.picture.svg
    with pytest.raises(InputError, match="for Finnish, expected one of"):
        choices.examples("fi", choices.FLORES)


def test_a_change_takes_less_than_150_ms_after_the_first_encoding(lab, ask):
    seconds = []
    for k in range(15):
        start = time.perf_counter()
        view = lab.view(dataclasses.replace(ask, config=AlignConfig(epsilon=0.02 * (k + 1))))
        assert view.picture.svg
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.15


def test_a_movie_has_a_frame_for_each_checkpoint(lab, ask, run):
    frames = lab.movie(run, ask)
    assert [step for step, _ in frames] == [0, 1, 2]
    assert len({float(view.alignment.transport_cost) for _, view in frames}) == 3
    with pytest.raises(InputError, match="got no checkpoints"):
        lab.movie(run / "student", ask)


def test_runs_of_a_language_are_found(run):
    assert choices.known_runs("swa", run.parent) == [run]
    assert choices.known_runs("so", run.parent) == []
    names = list(choices.students("sw", run.parent))
    assert names[:2] == ["English encoder", "extended, untrained"]
    assert names[-1] == "run, step 2"


def test_reasons_add_up_to_the_score_of_the_ranking(lab):
    finder = why_found.Finder(lab, pocket.collection("sw"))
    name, question = next(iter(finder.collection.queries.items()))
    ranked = finder.ranking("extended", question)
    reason = finder.reason("extended", question, ranked[3][0])
    assert reason.rank == 4
    assert reason.score == pytest.approx(ranked[3][1], abs=0.05)
    assert finder.relevant(question) == {p for p, g in finder.collection.qrels[name].items() if g > 0}
    picture = finder.picture(question, "English encoder", "extended")
    assert picture.svg.count("best passages") == 2
    with pytest.raises(InputError, match="got an empty one"):
        finder.ranking("extended", " ")


@pytest.fixture
def shown(known, run, tmp_path):
    return widgets.tabs("sw", known, [run], tmp_path)


def test_controls_change_what_is_shown(shown, tmp_path):
    first = shown.panels["alignment"]
    before, score = first.picture.value, first.view.score
    assert "AER" in before
    first.epsilon.value = 1.0
    assert first.picture.value != before
    assert first.view.ask.config.epsilon == 1.0
    assert first.view.score != score
    first.method.value = "exact"
    assert first.epsilon.disabled
    first.level.value = "token"
    first.source.value = "maji safi"
    assert first.view.score is None  # no gold for one's own sentence
    first.source.value = ""
    assert "empty source side" in first.message.value
    assert first.picture.value == ""
    first.press("svg")
    assert "nothing to export" in first.message.value
    first.pair.value = 2
    first.method.value, first.epsilon.value = "scaling", 10**-2.5
    assert "for method scaling, whose kernel underflows" in first.message.value
    assert first.picture.value == ""
    first.method.value = "stabilized"
    for kind in ("svg", "png", "csv", "pharaoh"):
        first.press(kind)
    first.press("svg")
    names = sorted(path.name for path in tmp_path.glob("alignment_sw*"))
    assert names == [
        f"alignment_sw_00{k}.{e}" for k, e in ((1, "csv"), (1, "links"), (1, "png"), (1, "svg"), (2, "svg"))
    ]
    assert (tmp_path / "alignment_sw_001.svg").read_text() == first.view.picture.svg + "\n"


def test_ones_own_sentences_have_boxes_to_type_into(shown):
    first = shown.panels["alignment"]
    first.set.value = widgets.OWN
    assert first.pair.layout.display == "none"
    assert first.source.layout.display is None
    assert shown.panels["search"].question.layout.display is None
    first.set.value = "pocket"
    assert first.pair.layout.display is None


def test_another_language_has_its_own_sentences_students_and_letters(shown, tmp_path, monkeypatch):
    monkeypatch.setattr(choices, "ROOT", tmp_path)  # no runs
    first, movie = shown.panels["alignment"], shown.panels["training"]
    assert not first.fonts.value
    first.language.value = "mr"
    assert list(first.student.options) == ["English encoder", "extended, untrained (Marathi)"]
    assert first.view.ask.student == "extended, untrained (Marathi)"
    assert not first.view.alignment.source_unknown  # the Swahili student knows none of these letters
    assert "@font-face" in first.fonts.value
    assert "no run with checkpoints" in movie.message.value
    assert movie.frames == []
    first.language.value = "fi"
    assert list(first.set.options) == [widgets.OWN]
    assert first.source.value == ""
    assert "type a sentence" in first.message.value
    first.language.value = "sw"
    assert list(first.set.options) == [*choices.SETS, widgets.OWN]
    assert first.view.ask.student == first.names["sw"][-1]
    assert "press the button" in movie.message.value
    movie.load.click()
    assert len(movie.frames) == 3


def test_search_and_training_tabs(shown, tmp_path):
    search = shown.panels["search"]
    search.pick.value = list(search.finder.collection.queries.values())[3]
    assert search.question.value == search.pick.value
    before = search.picture.value
    assert search.passage.label == "the right one, else the best"
    search.before.value = "extended"
    assert search.picture.value != before
    search.question.value = ""
    assert "got an empty one" in search.message.value
    movie = shown.panels["training"]
    first = movie.picture.value
    movie.play.value = 2
    assert movie.step.index == 2
    assert movie.picture.value != first
    movie.press("png")
    assert [path.name for path in tmp_path.iterdir()] == ["movie_sw_001.png"]


def test_without_a_run_the_training_tab_says_what_to_do(known, tmp_path):
    assert "no run with checkpoints" in widgets.tabs("sw", known, [], tmp_path).panels["training"].message.value


def test_nothing_that_is_shown_needs_a_network_or_a_script(shown):
    for panel in shown.panels.values():
        text = panel.picture.value.replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text
        assert "<script" not in text
