"""The explorer without a browser: its solver beside the package's, what it is given, and what a kernel answers."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from optical_lite import retrieval, transport
from optical_lite.alignment import linking, plans
from optical_lite.config import DistillConfig
from optical_lite.cost import weighted_marginal
from optical_lite.datasets import pocket
from optical_lite.distillation import idf_weights
from optical_lite.settings import InputError
from optical_lite.training import distill
from optical_lite.views import choices, explorer, page
from optical_lite.views.material import Material, pack

pytestmark = pytest.mark.float32
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no node here: it runs the explorer's solver outside a browser")


def in_node(asked, tmp_path):
    """Results of functions of solver.js."""
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    line = [NODE, Path(__file__).with_name("solver.mjs"), page.HERE / "solver.js", tmp_path / "asked.json"]
    return json.loads(subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout)


def problems(count, largest, seed=0):
    """Cosine costs between noisy copies of random unit vectors, with uniform or random masses."""
    random = np.random.default_rng(seed)
    for k in range(count):
        n, m = random.integers(1, largest, 2)
        H = random.normal(size=(m, 12))
        S = random.normal(size=(n, 12)) + 1.5 * H[random.integers(0, m, n)]
        H, S = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (H, S))
        a, b = (np.ones(size) if k % 2 else random.random(size) + 0.05 for size in (n, m))
        yield 1 - S @ H.T, a / a.sum(), b / b.sum(), random


def by_package(C, a, b, options, **limits):
    C, a, b = (torch.from_numpy(x)[None] for x in (C, a, b))
    return transport.solve(C, a, b, **options, **limits)


@needs_node
def test_plans_are_those_of_the_package(tmp_path):
    asked, wanted = [], []
    for method in sorted(page.METHODS.keys() - {plans.SIMILARITY}):
        steps = method == "proximal"  # many, which come near the exact plan
        for C, a, b, random in problems(30 if steps else 200, 12):
            some = [0.03, 0.05, 0.1, 0.5], [0.1, 0.5, 2], [0.3, 0.8, 1]
            options = dict(zip(("epsilon", "reach", "mass"), (float(random.choice(x)) for x in some), strict=True))
            named = {"method": page.METHODS[method], **options}
            asked.append(["solve", C.ravel().tolist(), a.tolist(), b.tolist(), named])
            limits = {"max_iterations": 10_000, "tolerance": 1e-6 if steps else 1e-12, "check_every": 20}
            plan = by_package(C, a, b, {"method": method, **options}, **limits)
            wanted.append((plan, 1e-3 if steps else 1e-6))
    late = 0
    for one, (plan, near), ask in zip(in_node(asked, tmp_path), wanted, asked, strict=True):
        assert one["converged"], ask[-1]
        if plan.converged:
            assert np.array(one["plan"]) == pytest.approx(plan.plan.flatten().numpy(), abs=near), ask[-1]
            assert one["cost"] == pytest.approx(float(plan.cost), abs=near)
        late += not plan.converged  # the package's iterations come to rest too slowly to compare with
    assert late < 0.02 * len(asked)


@needs_node
def test_a_played_iteration_is_the_packages(tmp_path):
    asked, wanted = [], []
    for C, a, b, _ in problems(40, 10, seed=1):
        for method in ("log", "unbalanced"):
            options = {"method": method, "epsilon": 0.1, "reach": 0.5}
            named = {**options, "method": page.METHODS[method]}
            asked.append(["trace", C.ravel().tolist(), a.tolist(), b.tolist(), named, {"limit": 7, "tolerance": 0}])
            wanted.append(by_package(C, a, b, options, max_iterations=7, tolerance=0, check_every=7))
    for one, plan, ask in zip(in_node(asked, tmp_path), wanted, asked, strict=True):
        assert np.array(one["last"]["plan"]) == pytest.approx(plan.plan.flatten().numpy(), abs=1e-9)
        if ask[4]["method"] == "sinkhorn":
            assert one["errors"][-1] == pytest.approx(float(plan.marginal_error), abs=1e-9)
            assert all(x >= y - 1e-12 for x, y in zip(one["errors"][1:], one["errors"][2:], strict=False))


@needs_node
def test_links_and_scores_are_those_of_the_package(tmp_path):
    asked, wanted = [], []
    for C, a, b, random in problems(60, 9, seed=2):
        W = by_package(C, a, b, {"method": "log", "epsilon": 0.1}).plan[0].numpy()
        for rule in linking.RULES:
            threshold = float(random.choice([0, 0.2, 0.5]))
            asked.append(["links", W.ravel().tolist(), *W.shape, rule, threshold])
            wanted.append(sorted(map(list, linking.links(W, rule, threshold))))
    found = in_node(asked, tmp_path)
    assert found == wanted
    sure, possible = [[0, 0], [1, 1], [2, 2]], [[0, 1], [1, 0]]
    scores = in_node([["score", one, sure, possible] for one in found], tmp_path)
    for one, links in zip(scores, wanted, strict=True):
        mine = linking.score(set(map(tuple, links)), set(map(tuple, sure)), set(map(tuple, possible)))
        assert [one["precision"], one["recall"], one["aer"]] == pytest.approx([mine.precision, mine.recall, mine.aer])


@pytest.fixture(scope="module")
def material(teacher, student):
    return Material("sw", {"English encoder": teacher, "extended": student})


@needs_node
def test_costs_and_masses_arrive_as_they_were(material, teacher, student, tmp_path):
    row = material.rows[3]
    (one,), (pair,) = material.pairs([row], ["extended"]), material.encoded([row], "extended")
    part = one["students"]["extended"]
    found = in_node(
        [
            ["unpack", part["costs"][0], 2], ["masses", part["words"], "words", None, None],
            ["masses", part["words"], "idf", part["idf"], None],
        ],
        tmp_path,
    )  # fmt: skip
    assert np.array(found[0]) == pytest.approx(pair.cost.flatten().numpy(), abs=1.6e-5)
    assert found[1] == pytest.approx(plans.masses(pair.source_owner, "words").tolist())
    sides = [*zip(*pocket.bitext("sw").pairs, strict=True)]
    weights, _ = idf_weights(student, student.tokenize(sides[0]), teacher, teacher.tokenize(sides[1]))
    ids = torch.tensor([student.tokenizer.token_to_id(t) for t in pair.source_tokens])
    assert found[2] == pytest.approx(weighted_marginal(weights[ids].cpu(), ids > 0).tolist(), abs=1e-4)
    assert pack(torch.tensor([[-1e-7, 2.0000001]])) == pack([[0.0, 2.0]])


def test_the_opening_shows_what_was_mended_and_what_was_spoiled(material):
    chosen = choices.opening_pairs(material)
    assert len(chosen) == len({k for k, _ in chosen}) == 8
    aer = {}
    for name in material.students:
        for k, one in enumerate(plans.realign(material.encoded(material.rows, name))):
            aer.setdefault(k, []).append(linking.score(one.links, *material.rows[k][2:]).aer)
    gains = {k: before - after for k, (before, after) in aer.items()}
    assert gains[chosen[0][0]] == max(gains.values())
    assert gains[chosen[1][0]] == min(gains.values())
    assert chosen[1][1] == "spoiled: AER {:.2f} → {:.2f}".format(*aer[chosen[1][0]])
    assert any(note.startswith("a word without a sure counterpart") for _, note in chosen)
    (one,) = plans.realign(material.encoded([("maji", "the water")], "extended"), choices.ALONE)
    kept = [2 * float(x) for x in one.word_plan.sum(0)]
    assert choices._kept(one, {(0, 1)}) == pytest.approx(kept[0])  # the word "the"
    assert choices._kept(one, {(0, 0), (0, 1)}) == np.inf
    assert choices._block({(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)}) == 4
    assert choices._block({(0, 0), (0, 1), (2, 2)}) == 0
    questions = choices.opening_questions(material)
    assert questions[0][1].startswith("rank ")
    before, after = (int(x) for x in questions[0][1].removeprefix("rank ").split(" → "))
    assert before > after
    twins = Material("sw", {name: material.student("extended") for name in ("one", "the same")}, material.rows[:3])
    assert {note.split(":")[0] for _, note in choices.opening_pairs(twins)} <= {
        "as before", "a word without a sure counterpart", "words that translate together"
    }  # fmt: skip


def test_reasons_add_up_to_the_score_of_the_ranking(material):
    text = list(material.collection.queries.values())[2]
    (item,), passages = material.questions([text], ["extended"])
    one = item["students"]["extended"]
    run = retrieval.search(material.index, material.student("extended"), {"q": text})["q"]
    assert [name for name, _ in one["top"]] == [name for name, _ in run[:5]]
    for name, score in one["top"]:
        best, where = one["why"][name]
        assert sum(best) == pytest.approx(score, abs=0.1)
        assert max(where) < len(passages[name]["tokens"])
    assert one["rank"] == [name for name, _ in run].index(item["right"][0]) + 1


def test_a_kernel_answers_with_values_or_one_line(material):
    shown = explorer.explorer("sw", dict(material.students))
    sent = []
    shown.send = sent.append
    for asked in (
        {"kind": "pair", "row": 5, "layer": 0}, {"kind": "pair", "texts": ["maji safi", "clean water"], "layer": 2},
        {"kind": "question", "texts": ["maji safi ni nini?"]}, {"kind": "pair", "texts": ["", "water"], "layer": 0},
        {"kind": "pair", "texts": ["maji " * 80, "water"], "layer": 0}, {"kind": "question", "texts": [" "]},
    ):  # fmt: skip
        shown._answer(shown, {"id": "1", "students": ["extended", "extended"], **asked}, [])
    assert sent[0]["item"]["source"] == material.rows[5][0]
    assert list(sent[1]["item"]["students"]["extended"]["costs"]) == [2]
    assert len(sent[2]["item"]["students"]["extended"]["top"]) == 5
    for answer, told in zip(
        sent[3:], ("empty source side", "expected at most 64 to draw", "empty question"), strict=True
    ):
        assert told in answer["problem"]
    shown._answer(shown, {"id": "1", "students": ["x"], "kind": "pair", "row": 0, "layer": 0}, [])
    assert "got student 'x'" in sent[-1]["problem"]
    data, metadata = shown._repr_mimebundle_()
    assert "Links between the words of" in metadata["image/png"]["alt"]
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")  # for a viewer without a kernel
    assert "application/vnd.jupyter.widget-view+json" in data
    assert len(shown.data["pairs"]) == len(material.rows)
    assert json.dumps(shown.data)
    with pytest.raises(InputError, match="got 0 students"):
        Material("sw", {})


def test_pairs_may_be_cut_into_words_and_have_sure_links_alone(material, monkeypatch):
    words = "maji", "safi"
    rows = [(words, ("clean", "water"), {(0, 1), (1, 0)})] * (choices.COUNT + 2)
    shown = explorer.explorer("sw", dict(material.students), pairs=rows)
    assert [pair["source"] for pair in shown.data["pairs"]][-1] == "maji safi"
    told = []
    monkeypatch.setattr(explorer.figures_alignment, "links", lambda *_, sure=None, **__: told.append(sure))
    shown.picture()
    assert told == [{(0, 1), (1, 0)}] * 2


def test_checkpoints_of_a_run_can_be_scrubbed(teacher, student, tmp_path):
    bitext = pocket.bitext("sw")
    run = distill.distill(
        student.copy("x"), teacher, bitext, DistillConfig(steps=2, batch=8, keep=(1,)), tmp_path / "run", progress=False
    )
    assert choices.known_runs("swa", tmp_path) == [run]
    assert choices.known_runs("so", tmp_path) == []
    known = choices.students("sw", [run])
    assert list(known)[:2] == [choices.ENGLISH, choices.EXTENDED]
    some = Material("sw", {name: known[name] for name in list(known)[2:]}, pocket.gold("sw")[:2])
    data = some.data([(0, "")], [], list(some.students))
    assert data["runs"] == [[[0, "run, step 0"], [1, "run, step 1"], [2, "run, step 2"]]]
    assert data["compared"] == some.compared == ("run, step 0", "run, step 2")
    assert len({part["costs"][0] for part in data["pairs"][0]["students"].values()}) > 1
    assert choices.checkpoints(run / "student") == {"student, trained": run / "student"}
