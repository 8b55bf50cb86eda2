"""Reading the records as answers: the two by two, tables, curves and their figures, on records made up here."""

import copy
import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from optical_lite.corpora import LANGUAGES
from optical_lite.settings import ROOT, InputError
from optical_lite.study import check, evidence, evidence_page, findings, record_files, records, summary, systems
from optical_lite.views import figures, figures_evidence

LEVELS = {"zero_shot": 0.1, "lexicon": 0.4, "extended": 0.5, "optical": 0.6, "late": 0.55, "optical_late": 0.7,
          "ceiling": 0.9, "optical_500": 0.45, "optical_3000": 0.55, "extended_500": 0.3}  # fmt: skip

LEAKED = {
    "bitext": {"name": "pairs", "pairs": 1200, "sha256": "0123456789abcdef"},
    "leakage": {"queries": 0, "translations": 2, "passages": 0, "of queries": 60, "of passages": 90, "pairs": 1200},
}  # fmt: skip


def put(base, found):
    """Write a set anew, from its records; 60 questions a place, each with a passage of its own."""
    parts = copy.deepcopy(record_files.shared(base))
    parts.setdefault("groups", {}).update({record_files.key(r)[0]: " ".join(map(str, range(60))) for r in found})
    record_files.write(base, map(whole, found), parts)


def whole(record):
    """A record with what every record has."""
    ranks = [float(rank) for rank in record["mrr@10 by question"].split()]
    metrics = dict.fromkeys(records.METRICS, 0.5) | record.get("metrics", {}) | {"mrr@10": float(np.mean(ranks))}
    return {"environment": {"device": "cpu"}, **record, "metrics": metrics}


def every(base):
    """The records of a set, for a test that changes them."""
    return [dict(record) for record in record_files.every(record_files.load(base))]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Records of 60 questions whose means are known."""
    monkeypatch.setattr(summary, "EXPECTED", tmp_path)
    monkeypatch.setattr(records, "RECORDS", tmp_path / "clir")
    monkeypatch.setattr(records, "DEV_RECORDS", tmp_path / "clir_dev.jsonl")
    monkeypatch.setattr(records, "CPU_RECORDS", tmp_path / "clir_cpu.jsonl")
    draw, found = np.random.default_rng(0), []
    noise = draw.normal(0, 0.02, 60)
    for name, level in LEVELS.items():
        own = draw.normal(0, 0.005, 60)
        for seed in systems.SYSTEMS[name].seeds:
            apart = 0.01 * (seed - 2) if systems.SYSTEMS[name].train else 0.0
            values = level + noise - noise.mean() + own - own.mean() + apart
            record = {
                "system": name, "collection": "toy", "lang": "sw", "seed": seed,
                "metrics": dict.fromkeys(records.METRICS, float(values.mean())), "cpu_seconds": 3.0,
                "mrr@10 by question": " ".join(map(str, values)), "environment": {"device": "cpu", "bf16": False},
                **({"config": {"steps": 300, "batch": 32, "seed": seed}} if systems.SYSTEMS[name].train else {}),
                **(LEAKED if name in ("optical", "late") else {}),
            }  # fmt: skip
            found.append(record)
    put(records.RECORDS, found)
    return tmp_path


def summarised():
    """The lines of ``systems.csv``, by system."""
    return pd.read_csv(io.StringIO(records.summarise())).set_index("system")


def test_the_summary_has_gap_tests_cost_and_budget(toy):
    frame = summarised()
    assert list(frame.index[:2]) == ["zero_shot", "lexicon"]  # the order of systems.py
    row = frame.loc["optical"]
    assert row["n"] == 5
    assert row["gap_closed"] == pytest.approx((0.6 - 0.1) / (0.9 - 0.1), abs=0.02)  # seeds are centred on the level
    assert row["vs_lexicon"] == pytest.approx(0.2, abs=0.02)
    assert row["p_lexicon"] < 0.01
    assert row["made"] == "cpu float32, 300 x 32 pairs"
    found = evidence.frame("toy_sw", ["lexicon", "optical"])
    assert list(found.index) == ["lexicon", "optical"]
    assert found.loc["optical", "mean"] == pytest.approx(row["mrr@10"], abs=1e-5)


def test_what_systems_add_to_a_base_where_all_have_records(toy):
    names = {"transport": "optical", "contrast": "late", "both": "optical_late"}
    found = evidence.over("extended", names)["toy_sw"]
    assert list(found) == list(names)
    assert found["transport"].difference == pytest.approx(0.1, abs=0.015)
    assert found["contrast"].difference == pytest.approx(0.05, abs=0.015)
    assert found["both"].low <= found["both"].difference <= found["both"].high
    assert evidence.over("extended", names, ["toy_so"]) == {}
    assert evidence.over("extended", names, ["toy_*"]).keys() == {"toy_sw"}
    put(records.RECORDS, [r for r in every(records.RECORDS) if (r["system"], r["seed"]) != ("late", 0)])
    assert evidence.over("extended", names)["toy_sw"]["contrast"].difference > 0.04  # the other seeds serve
    put(records.RECORDS, [record for record in every(records.RECORDS) if record["system"] != "late"])
    assert evidence.over("extended", names) == {}


def test_the_best_opponent_is_chosen_anew_on_every_collection(toy):
    best, said = evidence_page.against_best("optical", ("lexicon", "extended", "late_all"))["toy_sw"]
    assert best == "extended"
    assert said.startswith("+0.10")
    assert said.endswith("p < 0.001")
    assert evidence_page.against_best("plus_sharp", ("lexicon",)) == {}


def test_what_the_page_says_of_leakage_is_in_the_records():
    counts = [record["leakage"] for record in every(records.RECORDS) if record.get("leakage")]
    assert {(found["queries"], found["translations"]) for found in counts} == {(0, 0)}
    assert max(found["passages"] for found in counts) == 1
    assert min(found["of passages"] for found in counts if found["passages"]) == 488


def test_what_the_page_says_of_two_devices_is_in_the_records():
    found = []
    theirs = {record_files.key(each): each for each in every(records.RECORDS)}
    for ours in every(records.CPU_RECORDS):
        found.append(abs(records.ranks([ours]).mean() - records.ranks([theirs[record_files.key(ours)]]).mean()))
    text = (summary.EXPECTED / "evidence.md").read_text(encoding="utf-8")
    assert f"In {sum(value < 5e-5 for value in found)} of these {len(found)} cells" in text
    assert max(found) <= 0.005


def test_what_the_pages_say_of_devices_and_seeds_is_in_the_records():
    groups = systems.GROUPS
    on_cores = {"unbalanced", *groups["draws"], *(name for name in groups["bitext"] if "optical_late" in name)}
    for record in (record for record in every(records.RECORDS) if record.get("config")):
        where, name = record["environment"], record["system"]
        made = where.get("accelerator", where["device"]), where.get("precision") == "bf16" or where.get("bf16", False)
        assert made == ("cpu" if name in on_cores or name[1] == "_" else "NVIDIA H200", name[1] == "_"), name
    seeds = {(cell.row == "vocabulary filled at random", cell.column == "AfriQA Twi", cell.ours.n)
             for cell in summary.cells("clir") if cell.ours.sd is not None}  # fmt: skip
    assert seeds == {(False, False, 5), (False, True, 5), (True, False, 3), (True, True, 5)}


def test_cost_is_the_processors(toy):
    found = every(records.RECORDS)
    twins = [dict(record) for record in found if record["system"] in ("extended", "optical") and not record["seed"]]
    for record in twins:
        ranks = record["mrr@10 by question"].split()
        ranks[:3] = [str(float(rank) + 0.02) for rank in ranks[:3]]
        record |= {"mrr@10 by question": " ".join(ranks), "cpu_seconds": 9.0}
    put(records.CPU_RECORDS, twins)
    elsewhere = {"environment": {"device": "cuda", "accelerator": "NVIDIA H200", "bf16": False}, "cpu_seconds": 1.0}
    put(records.RECORDS, [record | (elsewhere if "optical" in record["system"] else {}) for record in found])
    frame = summarised()
    assert frame.loc["optical", "made"] == "NVIDIA H200 float32, 300 x 32 pairs"
    assert frame.loc["optical", "seconds"] == 9.0
    assert pd.isna(frame.loc["optical_late", "seconds"])  # of no processor


def test_choices_set_what_is_used_beside_what_was_tried_on_development_questions(toy):
    assert evidence_page.choices().count("\n") == 1  # a header alone
    tried = [
        {"collection": "dev", "lang": "so", "system": name, "seed": 0, "mrr@10 by question": (f"{level} " * 60)[:-1]}
        for name, level in {"optical": 0.6, "epsilon_0.2": 0.5, "late": 0.9}.items()
    ]
    record_files.write(records.DEV_RECORDS, map(whole, tried), copy.deepcopy(record_files.shared(records.RECORDS)))
    with pytest.raises(InputError, match="got no groups of questions for dev_so"):
        evidence_page.choices()
    put(records.DEV_RECORDS, tried)
    (line,) = evidence_page.choices().splitlines()[2:]  # ``late`` is not among them
    assert line == "| transport (Sinkhorn) | transport, epsilon 0.2 | 1 | +0.100 | so | none |"


def test_what_other_pairs_would_change_stands_beside_their_number(toy):
    assert evidence_page.leaks().count("\n") == 1  # a header alone
    levels = {"m_extended": (0.5, 90), "m_extended_twins": (0.6, 100), "m_optical_late": (0.7, 90)}
    noise = np.random.default_rng(1).normal(0, 0.02, 60)
    found = [
        {"system": name, "collection": "afriqa", "lang": "ha", "seed": 0, "bitext": {"pairs": pairs},
         "mrr@10 by question": " ".join(map(str, level + noise - noise.mean() + 0.001 * np.arange(60)))}
        for name, (level, pairs) in levels.items()
    ]  # fmt: skip
    put(records.RECORDS, [*every(records.RECORDS), *found])
    (line,) = evidence_page.leaks().splitlines()[2:]
    assert line.startswith("| ha | 90 | 100 | 0.529 | +0.100 (+0.100 to +0.100), p < 0.001 |  | ")
    assert line.endswith(" |  |  |")  # what has not run is left empty


def test_a_question_that_every_language_asks_is_one_and_languages_count_alike(toy):
    noise = np.random.default_rng(1).normal(0, 0.02, 60)
    noise -= noise.mean()

    def made(collection, lang, level, count):
        rows = {"m_zero_shot": np.full(count, 0.5), "m_extended": 0.5 + level + noise[:count] - noise[:count].mean()}
        where = {"collection": collection, "lang": lang, "seed": 0}
        return [{**where, "system": s, "mrr@10 by question": " ".join(map(str, v))} for s, v in rows.items()]

    put(records.RECORDS, [*every(records.RECORDS), *made("belebele", "sw", 0.1, 60), *made("belebele", "so", 0.1, 60)])
    once = evidence.pooled("belebele", ["m_extended"], ["m_zero_shot"])
    assert (once.wins + once.losses, round(once.difference, 6)) == (60, 0.1)  # not 120
    parts = copy.deepcopy(record_files.shared(records.RECORDS))
    parts["groups"] |= {f"afriqa_{lang}": " ".join(map(str, range(n))) for lang, n in (("sw", 60), ("ha", 20))}
    own = [*made("afriqa", "sw", 0.1, 60), *made("afriqa", "ha", 0.4, 20)]
    record_files.write(records.RECORDS, map(whole, [*every(records.RECORDS), *own]), parts)
    both = evidence.pooled("afriqa", ["m_extended"], ["m_zero_shot"])
    assert (both.wins + both.losses, round(both.difference, 6)) == (80, 0.25)  # not 0.175
    assert evidence.pooled("afriqa", ["m_late"], ["m_zero_shot"]) is None


def test_summary_and_curve(toy):
    rows = records.summarise().splitlines()
    assert len(rows) == 1 + len(LEVELS)
    assert any(row.startswith("toy_sw,optical,transport (Sinkhorn),5,0.6") for row in rows)
    curve = evidence.curve("toy_sw", ["optical"])
    assert curve["pairs"].tolist() == [500, 3000]
    assert evidence.curve("toy_sw", ["optical"], over="lexicon").empty
    gains = evidence.curve("toy_sw", ["optical", "extended"], over="extended")
    assert gains.set_index(["system", "pairs"])["mean"].to_dict() == pytest.approx(
        {("optical", 500): 0.15, ("extended", 500): 0.0}, abs=2e-5
    )
    with pytest.raises(InputError, match="got 'toy_so'"):
        evidence.frame("toy_so")


def test_figures_show_every_system_and_are_repeatable(toy, tmp_path):
    names = {"transport": "optical", "contrast": "late", "both": "optical_late"}
    ax = figures_evidence.effects(evidence.over("extended", names))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(names)
    assert [line.get_color() for line in ax.lines[:3]] == [figures.COLOUR[name] for name in names]
    assert [line.get_marker() for line in ax.lines[:3]] == [figures.MARKER[name] for name in names]
    first = [path.read_bytes() for path in figures.save_figure(ax, "one", tmp_path)]
    again = figures.save_figure(figures_evidence.effects(evidence.over("extended", names)), "two", tmp_path)
    assert first == [path.read_bytes() for path in again]
    titles = {"optical": "transport", "extended": "before", "nothing": "unknown"}
    ax = figures_evidence.curves(evidence.curve("toy_sw", titles), titles)
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["500", "3,000"]
    colours = [bars.lines[0].get_color() for bars in ax.containers]
    assert colours[:2] == [figures.COLOUR["transport"], figures.COLOUR["extended"]]
    assert len(set(colours)) == 3
    shapes = [bars.lines[0].get_marker() for bars in ax.containers]
    assert shapes[:2] == [figures.MARKER["transport"], figures.MARKER["extended"]]
    assert len(set(shapes)) == 3
    plt.close("all")


def test_the_answer_is_drawn_and_written_once_its_records_are_there(toy, tmp_path):
    measures = ("average gain m_late m_zero_shot afriqa_* belebele_*",
                "above m_optical m_zero_shot afriqa_* belebele_*",
                "above m_optical m_optical_late afriqa_* belebele_*")  # fmt: skip
    page = " ".join(f"<!-- n: {measure} -->?<!-- /n -->" for measure in measures)
    assert evidence.answer() == {}
    assert check.draw_answer(tmp_path) == []
    levels = {"m_zero_shot": 0.5, "m_extended": 0.52, "m_optical": 0.6, "m_late": 0.45, "m_optical_late": 0.61,
              "m_greedy": 0.5, "m_match": 0.5, "m_sentence": 0.5, "m_ceiling": 0.8}  # fmt: skip
    noise = np.random.default_rng(1).normal(0, 0.02, 60)
    found = []
    for name, level in levels.items():
        ranks = level + noise - noise.mean() + 0.001 * np.arange(60) / 60
        for place in ("afriqa_sw", "belebele_ig"):
            found.append({
                "system": name, "collection": place[:-3], "lang": place[-2:], "seed": 0, "cpu_seconds": 1.0,
                "metrics": {"mrr@10": float(ranks.mean())}, "mrr@10 by question": " ".join(map(str, ranks)),
                "environment": {"device": "cpu", "bf16": False},
            })  # fmt: skip
    put(records.RECORDS, [*every(records.RECORDS), *found])
    gains = evidence.answer()
    assert gains["afriqa_sw"]["transport"].difference == pytest.approx(0.1)
    assert gains["belebele_ig"]["contrast"].difference == pytest.approx(-0.05)
    start = "| belebele_ig | 0.500 | +0.020 (+0.020 to +0.020), p < 0.001 | +0.100 (+0.100"
    (line,) = (line for line in evidence_page.gains().splitlines() if line.startswith(start))
    assert "| −0.050 (" in line
    assert [path.rpartition(".")[2] for path in check.draw_answer(tmp_path)] == ["png", "svg"]
    filled = findings.fill(page, "answer.md")
    said = {mark[2]: mark[3] for mark in findings.MARK.finditer(filled)}
    assert said["average gain m_late m_zero_shot afriqa_* belebele_*"] == "−0.050"
    assert said["above m_optical m_zero_shot afriqa_* belebele_*"] == "2"
    assert said["above m_optical m_optical_late afriqa_* belebele_*"] == "0"


@pytest.mark.parametrize(("kind", "last"), [("afriqa", ["Igbo", "Yoruba", "Twi"]), ("belebele", ["Igbo", "Yoruba"])])
def test_scores_are_those_of_the_table_of_all_systems_and_the_best_is_bold(kind, last):
    csv = pd.read_csv(ROOT / "data" / "expected" / "systems.csv").pivot(
        index="system", columns="place", values="mrr@10"
    )
    header, _, *lines = (line.strip("| ").split(" | ") for line in evidence_page.scores(kind).splitlines())
    langs = [next(code for code, name in LANGUAGES.items() if name == title) for title in header[1:-1]]
    assert header[-1 - len(last) : -1] == last
    rows = {line[0]: line[1:] for line in lines}
    assert len(rows) == len(evidence_page.SINGLE | evidence_page.BESIDE)
    for label, system in (evidence_page.SINGLE | evidence_page.BESIDE).items():
        values = csv.loc[system, [f"{kind}_{lang}" for lang in langs]].tolist()
        said = [float(cell.strip("*")) for cell in rows[label]]
        assert said == pytest.approx([*values, sum(values) / len(values)], abs=6e-4)
    for column in zip(*(rows[label] for label in evidence_page.SINGLE), strict=True):
        most = max(cell.strip("*") for cell in column)
        assert {cell for cell in column if "*" in cell} == {f"**{most}**"}
    assert not any("*" in cell for label in evidence_page.BESIDE for cell in rows[label])
