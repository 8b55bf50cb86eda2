"""Published beside ours: states, missing runs, edited means, small data."""

import pytest
from toml_text import toml_lines

from optical_lite.settings import InputError
from optical_lite.study import published_numbers, records, summary, systems
from optical_lite.study.summary import verdict


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """A small table of its own: two systems, a published table, three seeds of one run."""
    monkeypatch.setattr(summary, "SPECS", tmp_path)
    works = {
        "w": {"tables": {"t": {
            "title": "T", "unit": "percent", "metric": "MRR@10", "source": "arXiv:1234.56789", "read_in": "original",
            "doubts": [], "columns": ["Swahili"], "rows": {"Base": [20.0], "Best": [50.0]}}}}
    }  # fmt: skip
    monkeypatch.setattr(published_numbers, "works", lambda folder=None: works)
    spec = {
        "title": "T", "question": "Q?", "ours": "mine", "command": "run", "metrics": ["mrr@10", "map"],
        "rows": {"base": "Base", "best": "Best", "none": {"label": "Not run", "needs": "a GPU"}}, "tolerance": 0.02,
        "columns": {"sw": "Swahili"},
        "paper": [{"table": "w/t", "metric": "mrr@10", "baseline": "base", "columns": {"sw": "Swahili"},
                   "rows": {"base": "Base", "best": "Best"}}],
    }  # fmt: skip
    runs = {"base": [0.21], "best": [0.48, 0.50, 0.52]}

    def recorded():
        made = {name: [{"metrics": {"mrr@10": x, "map": x}} for x in values] for name, values in runs.items()}
        return {key: {"metrics": found} for key, found in records.cells({"sw": made}).items()}

    monkeypatch.setitem(summary.RECORDED, "mine", recorded)

    class Kit:
        folder, table, published, records = tmp_path, spec, works["w"]["tables"]["t"], runs

        def save(self):
            (tmp_path / "t.toml").write_text(toml_lines(spec))

        def cells(self, metric="mrr@10"):
            return {c.key.split("/")[1]: c for c in summary.cells("t") if c.metric == metric}

    kit = Kit()
    kit.save()
    return kit


def test_rows_may_be_systems_by_name(kit):
    del kit.table["rows"]
    kit.table["systems"] = ["marginals", "zero_shot"]
    kit.save()
    rows = summary.spec("t")["rows"]
    assert list(rows) == ["zero_shot", *systems.GROUPS["marginals"]]  # in the order of the systems
    assert rows["idf"]["label"] == systems.SYSTEMS["idf"].title


def test_mean_sd_and_count_come_from_the_records(kit):
    found = kit.cells()["best"]
    assert str(found.ours) == "0.500 ± 0.020 (n = 3)"
    assert found.paper == 0.5
    assert found.delta == pytest.approx(0)
    assert found.state == "reproduced"
    assert found.command == "run"
    assert found.published.source == "arXiv:1234.56789"
    assert str(kit.cells()["base"].ours) == "0.210 (n = 1)"  # one run has no standard deviation


def test_states(kit):
    assert kit.cells()["none"].state == "not attempted (needs a GPU)"
    assert kit.cells("map")["best"].state == "no verdict"
    kit.published["rows"]["Best"] = [70.0]  # further off than the tolerance, in the same direction
    assert kit.cells()["best"].state == "direction only"
    kit.published["rows"]["Best"] = [10.0]
    assert kit.cells()["best"].state == "differs"
    kit.published["rows"]["Best"] = [None]
    found = kit.cells()["best"]
    assert (found.state, found.paper, found.delta) == ("no verdict", None, None)
    assert "empty" in found.reason


def test_a_difference_within_the_rounding_of_the_baseline_has_no_direction(kit):
    kit.table["columns"] = {"sw": {"label": "Swahili", "small": True}}
    kit.save()
    kit.published["rows"] |= {"Base": [20], "Best": [20.4]}  # 20 may have been 20.45
    assert kit.cells()["best"].state == "no verdict"
    kit.published["rows"]["Best"] = [20.6]
    assert kit.cells()["best"].state == "direction only"


@pytest.mark.parametrize("value", [0.44, 0.56])
def test_too_low_and_too_high_both_differ(kit, value):
    kit.table["paper"][0].pop("baseline")
    kit.save()
    kit.records["best"] = [value]
    assert kit.cells()["best"].state == "differs"


def test_a_deleted_run_is_missing_and_never_zero(kit):
    del kit.records["best"]
    found = kit.cells()["best"]
    assert (found.state, found.ours, found.delta) == ("missing", None, None)
    assert found.record()["ours"] is None


def test_small_data_is_never_reproduced(kit):
    kit.table["columns"] = {"sw": {"label": "Swahili", "small": True}}
    kit.save()
    assert kit.cells()["best"].state == "direction only"
    assert kit.cells()["base"].state == "no verdict"


@pytest.mark.parametrize(
    ("paper", "ours", "options", "state"),
    [
        (0.5, 0.52, {}, "reproduced"),
        (0.5, 0.5201, {}, "differs"),
        (0.5, 0.4799, {}, "differs"),
        (0.5, None, {}, "missing"),
        (0.5, None, {"needs": "x"}, "not attempted (needs x)"),
        (None, 0.5, {}, "no verdict"),
        (0.5, 0.5, {"values": False}, "no verdict"),
        (0.5, 0.5, {"values": False, "gaps": (0.1, 0.3)}, "direction only"),
        (0.5, 0.5, {"values": False, "gaps": (0.1, -0.3)}, "differs"),
        (0.5, 0.9, {"gaps": (0.1, 0.0)}, "differs"),
    ],
)
def test_verdict(paper, ours, options, state):
    assert verdict(paper, ours, tolerance=0.02, **options) == state


def test_wrong_names_and_files(kit):
    with pytest.raises(InputError, match="got 'x', expected one of t"):
        summary.spec("x")
    (kit.folder / "t.toml").write_text('title = "x"')
    with pytest.raises(InputError, match="got no question"):
        summary.spec("t")


def test_close_is_two_sided():
    assert summary.close(0.5, 0.52, 0.02)
    assert not summary.close(0.5, 0.53, 0.02)
    assert not summary.close(0.55, 0.52, 0.02)
    assert not summary.close(None, 0.0, 1.0)
    assert not summary.close(float("nan"), 0.0, 1.0)


def test_a_name_that_no_disk_holds_is_one_line():
    with pytest.raises(InputError, match="got no name of a file"):
        summary.metrics_of("a" * 300)
    assert summary.metrics_of("none.json") == {}


def test_no_result_of_ours_has_a_name_that_can_be_taken_for_the_papers():
    ours = [name for name in summary.names() if name != "optical"]  # that one is a form for the paper's numbers
    labels = [row["label"] for name in ours for row in summary.spec(name)["rows"].values()]
    titles = [system.title for system in systems.SYSTEMS.values()]
    assert not [said for said in (*labels, *titles) if "optical" in said.lower()]
