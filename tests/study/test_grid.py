"""The queue of the comparison, on pocket in place of the published sets and with two training steps."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from optical_lite import lexical
from optical_lite.cli.tables import run_grid
from optical_lite.datasets import pocket, published, testsets
from optical_lite.datasets.sources import OutOfReach
from optical_lite.settings import InputError
from optical_lite.study import check, grid, places, record_files, records, summary, systems

pytestmark = pytest.mark.float32

NAMES = ["zero_shot", "lexicon", "optical", "structured", "ceiling"]


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Two collections of 20 pocket questions each, and a folder for the records."""
    whole = pocket.collection("sw")
    asked = sorted(whole.queries)

    def load(name, lang, split="test"):
        chosen = asked[:20] if name == "first" else asked[20:40]
        part = {field: {q: getattr(whole, field)[q] for q in chosen} for field in ("queries", "qrels", "translations")}
        return replace(whole, name=name, **part)

    monkeypatch.setattr(testsets, "load", load)
    monkeypatch.setattr(testsets, "dev_collection", lambda lang: load("dev", lang))
    monkeypatch.setattr(published, "training_bitext", lambda lang, held, recipe: pocket.bitext(lang))
    monkeypatch.setitem(places.LANGUAGES, "sw", places.Place(("first", "second")))
    short = replace(systems.SYSTEMS["optical"], train=replace(systems.ROWS, steps=2, batch=8))
    monkeypatch.setitem(systems.SYSTEMS, "optical", short)
    monkeypatch.setattr(summary, "EXPECTED", tmp_path)
    for name, file in {"clir": "clir", "clir_dev": "clir_dev.jsonl", "clir_cpu": "clir_cpu.jsonl"}.items():
        monkeypatch.setitem(record_files.SETS, name, tmp_path / file)
    monkeypatch.setattr(records, "RECORDS", tmp_path / "clir")
    monkeypatch.setattr(records, "DEV_RECORDS", tmp_path / "clir_dev.jsonl")
    monkeypatch.setattr(records, "CPU_RECORDS", tmp_path / "clir_cpu.jsonl")
    monkeypatch.setattr(record_files, "LOOSE", tmp_path / "loose")
    monkeypatch.setattr(grid, "TRAINING", tmp_path / "training")
    return tmp_path / "loose" / "clir"


def test_a_queue_is_resumed_and_summarised(place):
    run = lambda: grid.run(NAMES, ["sw"], [0, 1], folder=place)  # noqa: E731
    assert run() == 6  # one seed of what draws nothing, two of what trains
    paths = sorted(place.glob("first_sw/*.json"))
    assert [path.stem for path in paths] == [
        "ceiling_0", "lexicon_0", "optical_0", "optical_1", "structured_0", "zero_shot_0"
    ]  # fmt: skip
    before = {path: path.read_bytes() for path in paths}
    (place / "second_sw" / "optical_1.json").unlink()
    assert run() == 1  # the seed whose second collection is missing, and nothing else
    assert all(path.read_bytes() == text for path, text in before.items())

    record = json.loads((place / "first_sw" / "optical_0.json").read_text(encoding="utf-8"))
    assert record["config"]["steps"] == 2
    assert record["bitext"]["pairs"] == len(pocket.bitext("sw"))
    ranks = np.array(record["mrr@10 by question"].split(), dtype=float)
    assert len(ranks) == 20
    assert record["metrics"]["mrr@10"] == pytest.approx(ranks.mean(), abs=1e-3)
    assert (place / "first_sw" / record_files.GROUPS).read_text().split() == [*map(str, range(20))]  # a passage each

    assert record_files.fold_all(record_files.LOOSE) == {"clir": (12, 12)}
    rows = pd.read_csv(io.StringIO(records.summarise())).set_index(["place", "system"])
    assert rows.loc[("first_sw", "optical"), "n"] == 2
    assert rows["gap_closed"].xs("ceiling", level=1).tolist() == [1, 1]
    assert rows["gap_closed"].xs("zero_shot", level=1).tolist() == [0, 0]
    low, mean, high = rows.loc[("first_sw", "lexicon"), ["low", "mrr@10", "high"]]
    assert low < mean < high
    assert rows["p_lexicon"].notna().groupby(level=1).all().to_dict() == {name: name != "lexicon" for name in NAMES}
    assert rows["vs_optical"].notna().groupby(level=1).all().to_dict() == {name: name != "optical" for name in NAMES}


def test_any_cell_can_be_run_again_and_compared(place, capsys, monkeypatch):
    monkeypatch.setattr(check.pages, "stale", list)  # pages and their numbers are about the real records
    monkeypatch.setattr(check.findings, "problems", list)
    chosen = {"systems": ["zero_shot", "optical"], "langs": ["sw"], "seeds": [0]}
    grid.run(*chosen.values(), folder=place)
    record_files.fold_all(record_files.LOOSE)
    assert check.rerun("clir", chosen) == []
    assert "ok   first_sw/zero_shot mrr@10" in capsys.readouterr().out
    stated = summary.expected("systems")
    for key in ("first_sw/optical", "second_sw/zero_shot"):
        stated["cells"][key]["metrics"]["mrr@10"]["mean"] += 0.03
    monkeypatch.setattr(summary, "expected", lambda _: stated)
    wrong = [line for line in check.check(["clir"], chosen) if " got " in line]
    assert [line.split()[1] for line in wrong] == ["first_sw/optical", "second_sw/zero_shot"]


def test_without_data_nothing_is_run_again_and_that_is_said(monkeypatch, capsys):
    def far(**_):
        raise OutOfReach("afriqa: no network")

    monkeypatch.setitem(check.RERUNS, "clir", far)
    monkeypatch.setattr(check.pages, "stale", list)  # pages have tests of their own
    assert check.check(["clir"]) == []
    assert "clir: nothing run again" in capsys.readouterr().out
    with pytest.raises(InputError):  # asked for by name, it must be there
        check.check(["clir"], {"langs": ["sw"]})


def test_what_a_lexicon_translates_has_no_accents_and_a_raw_question_keeps_them(place, monkeypatch):
    """A student does not see accents either; with them, word-by-word translation would be a weaker opponent."""
    seen = []
    monkeypatch.setattr(grid.lexical, "bm25", lambda passages, queries: seen.append(set(queries.values())))
    work = grid.Workplace("sw")
    data = work.collections["first"]
    data = replace(data, queries=dict.fromkeys(data.queries, "Qódèr"))  # in no lexicon, so it is not translated
    for name in ("bm25", "lexicon_bm25", "lexicon_bm25_plus"):
        work.search(systems.find(name), None, data)
    assert seen == [{"Qódèr"}, {"Qoder"}, {"Qoder"}]


def test_what_is_fused_has_the_seeds_of_its_parts():
    """Five rankings that are all the same would be told as five seeds."""
    seeds = {name: systems.find(name).seeds for name in (*systems.GROUPS["fused"], "students")}
    assert seeds == {"lexicon_fused": (0,), "extended_fused": (0,), "students": (0, 1, 2)}


def test_the_answer_its_leaks_and_its_settings_have_three_seeds():
    for group, count in {"answer": 3, "leaks": 3, "tuning": 3, "controls": 5, "best": 5}.items():
        trained = [system for system in systems.GROUPS[group].values() if system.train]
        assert {system.seeds for system in trained} == {tuple(range(count))}, group


def test_a_student_of_two_scorers_trains_once_whatever_the_seeds(place, monkeypatch):
    monkeypatch.setitem(systems.SYSTEMS, "optical_mean", replace(systems.find("optical"), scorer="mean"))
    trained, distill = [], grid.distill
    monkeypatch.setattr(grid, "distill", lambda *of, **how: [trained.append(of[3].seed), distill(*of, **how)][1])
    assert grid.run(["optical", "optical_mean"], ["sw"], [0, 1, 2, 3], folder=place) == 8
    assert trained == [0, 1, 2, 3]


def test_languages_that_are_offered_are_those_of_the_comparison(place):
    assert grid.run(["zero_shot"], ["swa"], folder=place) == 1
    for lang in ("xx", "fr"):  # the kit knows the latter
        with pytest.raises(InputError, match=f"got '{lang}', expected one of {', '.join(places.LANGUAGES)}$"):
            grid.run(["zero_shot"], [lang], folder=place)


def test_a_cell_that_breaks_leaves_no_record(place, monkeypatch):
    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(grid.Workplace, "search", broken)
    with pytest.raises(KeyboardInterrupt):
        grid.run(["zero_shot"], ["sw"], folder=place)
    assert not list(place.rglob("*.json"))


def test_a_language_without_development_questions_runs_on_the_others(place, monkeypatch):
    def none(lang):
        raise published.NoLanguage(f"no development questions in {lang}")

    monkeypatch.setattr(places, "LANGUAGES", {"de": places.Place(("first",))})
    monkeypatch.setattr(testsets, "dev_collection", none)
    assert grid.run(["zero_shot"], ["de"], folder=place) == 1
    assert grid.run(["zero_shot"], dev=True, folder=place / "dev") == 0
    with pytest.raises(published.NoLanguage):
        grid.run(["zero_shot"], ["de"], dev=True, folder=place / "dev")


def test_what_is_recorded_runs_again_where_it_is_asked_for(place, tmp_path, capsys):
    """A person who reproduces a cell wants it beside the record, to the last digit."""
    assert run_grid(["zero_shot"], ["sw"], None, dev=False) == {"ran": 1}
    record_files.fold({record_files.SETS["clir"]: place})
    again = {"dev": False, "out": str(tmp_path / "again")}
    assert run_grid(["zero_shot"], ["sw"], None, **again) == {"ran": 0}
    assert capsys.readouterr().out.endswith("0 cells run: all are recorded; to run them again: --anew\n")
    assert run_grid(["zero_shot"], ["sw"], None, anew=True, **again) == {"ran": 1}
    old, new = (json.loads((root / "first_sw" / "zero_shot_0.json").read_text("utf-8"))
                for root in (place, tmp_path / "again" / "clir"))  # fmt: skip
    assert old["metrics"] == new["metrics"]


def test_development_questions_have_records_of_their_own(place):
    assert grid.run(["zero_shot"], ["sw"], dev=True, folder=place / "dev") == 1
    assert [path.parent.name for path in (place / "dev").rglob("*.json")] == ["dev_sw"]


def test_development_runs_leave_the_expected_numbers_alone(place, monkeypatch, capsys, tmp_path):
    found = run_grid(["zero_shot"], ["sw"], None, dev=True)
    assert list(found["mrr@10"]) == ["dev_sw/zero_shot"]
    assert "dev_sw/zero_shot: MRR@10 0." in capsys.readouterr().out
    assert not records.DEV_RECORDS.exists()
    assert not (tmp_path / "systems.csv").exists()


def test_budgets_are_equal_within_the_main_table():
    trained = [system.train for system in systems.MAIN.values() if system.train]
    assert len(trained) >= 8
    assert {(config.steps, config.batch, config.trainable) for config in trained} == {(300, 32, "new")}


def test_unknown_names_and_too_many_pairs_are_said(place):
    with pytest.raises(InputError, match="system: got 'opticle'"):
        grid.run(["opticle"], ["sw"], folder=place)
    with pytest.raises(InputError, match="language: got 'fi'"):
        grid.Workplace("fi")
    with pytest.raises(InputError, match="language: got 'fr'"):
        grid.run(["zero_shot"], ["fr"], folder=place)
    swahili = grid.Workplace("sw")
    few, more, others = (set(swahili.bitext("", *drawn).pairs) for drawn in ((40,), (90,), (40, 1)))
    assert (len(few), len(more)) == (40, 90)
    assert few < more  # a curve over the number of pairs adds pairs, and changes none
    assert len(few & others) < 20  # of another draw
    with pytest.raises(InputError, match="got 10000 pairs wanted of"):
        grid.run(["extended_10000"], ["sw"], [0], folder=place)


def test_what_a_language_lacks_is_left_out_of_a_group(place, monkeypatch, capsys):
    some = {name: systems.SYSTEMS[name] for name in ("lexicon_bm25", "extended_10000")}  # pocket has 512 pairs
    monkeypatch.setitem(systems.GROUPS, "bitext", some)
    assert grid.run(["bitext"], ["sw"], folder=place) == 1
    assert "left out: sw extended_10000; bitext: got 10000 pairs wanted of 512" in capsys.readouterr().out
    assert {path.stem for path in place.rglob("*.json")} == {"lexicon_bm25_0"}


def test_records_of_different_collections_are_refused(place):
    grid.run(["zero_shot", "ceiling"], ["sw"], folder=place)
    path = place / "first_sw" / "zero_shot_0.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["data"] == json.loads((place / "first_sw" / "ceiling_0.json").read_text(encoding="utf-8"))["data"]
    path.write_text(json.dumps({**record, "data": "another"}), encoding="utf-8")
    with pytest.raises(InputError, match="records: got first_sw of 2 different collections"):
        record_files.fold_all(record_files.LOOSE)


def test_what_is_folded_is_not_run_again_and_has_no_second_record(place):
    """A record that was taken in counts as there, folding it again changes nothing, and another one is refused."""
    grid.run(["zero_shot"], ["sw"])
    assert record_files.fold_all(record_files.LOOSE) == {"clir": (2, 2)}
    files = {path: path.read_bytes() for path in summary.EXPECTED.rglob("*.json*") if path.parent.name == "clir"}
    assert {path.name for path in files} == {"first_sw.jsonl", "second_sw.jsonl"}
    assert record_files.fold_all(record_files.LOOSE) == {"clir": (0, 2)}
    assert all(path.read_bytes() == text for path, text in files.items())

    path = place / "first_sw" / "zero_shot_0.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    assert records.read("first_sw", "zero_shot") == [record]
    path.write_text(json.dumps({**record, "seconds": -1.0}), encoding="utf-8")
    with pytest.raises(InputError, match="got first_sw zero_shot 0 a second time with another seconds, expected one"):
        record_files.fold_all(record_files.LOOSE)
    for path in place.rglob("*.json"):
        path.unlink()
    assert grid.run(["zero_shot"], ["sw"]) == 0
    assert grid.run(["zero_shot"], ["sw"], anew=True) == 1


def test_a_lexicon_costs_every_system_that_uses_it(place, monkeypatch):
    monkeypatch.setattr(grid, "_timed", lambda make: (make(), np.array([7.0, 5.0])))
    grid.run(["lexicon", "lexicon_bm25", "bm25"], ["sw"], folder=place)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((place / "first_sw").glob("*.json"))]
    assert {record["system"]: record["cpu_seconds"] for record in found} == {"bm25": 0, "lexicon": 5, "lexicon_bm25": 5}


def test_a_group_never_has_the_name_of_a_system():
    assert not systems.GROUPS.keys() & systems.SYSTEMS.keys()


def test_near_twins_of_what_is_asked_are_left_out_and_counted(place, monkeypatch):
    asked = testsets.load("first", "sw")
    twin = next(iter(asked.translations.values()))
    pairs = replace(pocket.bitext("sw"), pairs=(*pocket.bitext("sw").pairs[:30], ("swali", f"{twin} Indeed?")))
    monkeypatch.setattr(published, "training_bitext", lambda lang, held, recipe: pairs)
    monkeypatch.setattr(places, "ASKED", ("first",))
    work = grid.Workplace("sw")
    assert ("swali", f"{twin} Indeed?") in work.bitext().pairs
    left = work.bitext(without="twins")
    assert ("swali", f"{twin} Indeed?") not in left.pairs
    assert left.notes["near twins"] == len(pairs) - len(left)
    assert ("swali", f"{twin} Indeed?") in work.bitext(without="equal").pairs


def test_rankings_are_fused_and_what_they_are_made_of_is_kept(place, monkeypatch):
    both = systems.System("both", parts=("optical", "structured"), share=0.2)
    monkeypatch.setitem(systems.SYSTEMS, "both", both)
    monkeypatch.setattr(places, "ANSWER", {"both": None})
    monkeypatch.setattr(places, "ASKED", ("second",))
    monkeypatch.setattr(grid, "PARTS", {*both.parts})
    work = grid.Workplace("sw")
    work.run("both", 1, place, places.tested("sw", "both"))
    assert not (place / "first_sw").exists()  # what its group is not tested on
    record = json.loads((place / "second_sw" / "both_1.json").read_text(encoding="utf-8"))
    assert record["fused"] == ["optical", "structured"]
    monkeypatch.setattr(grid.Workplace, "encoder", lambda *_: pytest.fail("trained again"))
    parts = [work.ranking("optical", 1, "second"), work.ranking("structured", 3, "second")]  # it has one seed
    assert work.ranking("both", 1, "second") == lexical.fuse(*parts, 0.2)


def test_mean_vectors_are_another_ranking_of_the_same_student(place):
    work = grid.Workplace("sw")
    data = work.collections["first"]
    student, _ = work.encoder(systems.find("optical"), 0)
    mean = replace(systems.find("optical"), scorer="mean")
    assert work.encoder(mean, 0)[0] is student
    runs = [work.search(system, student, data) for system in (systems.find("optical"), mean)]
    assert runs[0] != runs[1]
    assert all(abs(score) <= 1 + 1e-3 for ranking in runs[1].values() for _, score in ranking)  # cosines
