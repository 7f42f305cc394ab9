# SPDX-License-Identifier: AGPL-3.0-or-later
"""The files of a report, from runs made of numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ablation.grids import BASE, EMA, FINE, costs, finish, plan
from yolo_fine.ablation.arms import again
from yolo_fine.ablation.plan import Plan, Run
from yolo_fine.ablation.report import Ablation, read_ablation, write_reports

COSTS = costs({BASE.name: 1.0, FINE.name: 1.1, EMA.name: 1.2, f"{BASE.name} again": 1.0})


@pytest.fixture
def chosen(tmp_path: Path) -> Plan:
    """Five seeds: FINE finds more, EMA may, one run of EMA failed."""
    made = plan((BASE, FINE, EMA, again(BASE)), seeds=range(5))
    for run in made.runs:
        if run.name == "yolo11n-ema-seed3":
            (tmp_path / run.name).mkdir()
            (tmp_path / run.name / "failed.json").write_text('{"code": 1, "said": "out of memory"}')
            continue
        gain = {FINE.name: 3.0, EMA.name: 0.01}.get(run.arm.name, 0.0)
        finish(tmp_path, run, {"AP": 20.0 + gain, "AP_small": 10.0 + 0.3 * run.pair + gain + 0.002 * run.seed})
    return made


def report(chosen: Plan, folder: Path) -> Ablation:
    found = read_ablation(chosen, folder, COSTS)
    write_reports(found, folder)
    return found


def test_keys_that_are_fixed(chosen: Plan, tmp_path: Path) -> None:
    report(chosen, tmp_path)
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["baseline"] == "yolo11n.yaml"
    assert len(told["comparisons"]) == 6
    first = told["comparisons"][0]
    assert {"model", "metric", "difference", "low", "high", "verdict", "seeds"} <= set(first)
    assert (first["model"], first["metric"], first["seeds"]) == (FINE.name, "AP_small", 5)
    assert first["verdict"] == "beyond noise"
    assert first["low"] < first["difference"] < first["high"]
    assert told["costs"][FINE.name]["gflops_ratio"] == pytest.approx(1.1)
    assert told["pareto"] == {BASE.name: "front", FINE.name: "front", EMA.name: "dominated"}
    assert told["failed"] == {"yolo11n-ema-seed3": "out of memory"}
    assert told["missing"] == ["yolo11n-ema-seed3"]


def test_a_reader_gets_it_in_words(chosen: Plan, tmp_path: Path) -> None:
    found = report(chosen, tmp_path)
    assert not found.passed
    assert "19 of 20 runs finished" in found.summary()
    assert f"{FINE.name}: AP_small +3.00 [" in found.summary()
    text = (tmp_path / "report.md").read_text()
    for words in ("AP_small, which decides", "last.pt is judged", "out of memory", "pareto.png", "without seeds 3"):
        assert words in text
    assert "within noise: a difference of" in text
    html = (tmp_path / "report.html").read_text()
    assert "data:image/png;base64," in html
    assert "http" not in html  # it asks the network for nothing


def test_the_same_runs_make_the_same_files(chosen: Plan, tmp_path: Path) -> None:
    names = ("results.csv", "report.json", "report.md", "report.html", "pareto.png")
    report(chosen, tmp_path)
    first = {name: (tmp_path / name).read_bytes() for name in names}
    report(chosen, tmp_path)
    assert first == {name: (tmp_path / name).read_bytes() for name in names}


def test_nothing_finished_is_a_report_too(tmp_path: Path) -> None:
    found = report(plan((BASE, FINE)), tmp_path)
    assert found.summary() == "0 of 6 runs finished, baseline yolo11n.yaml"
    assert json.loads((tmp_path / "report.json").read_text())["comparisons"] == []
    assert (tmp_path / "results.csv").read_text().startswith("model,seed")


def test_one_arm_finished_is_no_comparison(tmp_path: Path) -> None:
    chosen = plan((BASE, FINE))
    finish(tmp_path, Run(BASE, 0), {"AP": 20.0, "AP_small": 10.0})
    found = report(chosen, tmp_path)
    assert [one.verdict.words for one in found.comparisons] == ["not defined", "not defined"]
    assert "no seed was finished by both" in (tmp_path / "report.md").read_text()


def test_a_metric_that_the_data_lacks_is_said(tmp_path: Path) -> None:
    chosen = plan((BASE, FINE), metric="AP_verytiny")
    for run in chosen.runs:
        finish(tmp_path, run, {"AP": 20.0 + run.pair})
    found = report(chosen, tmp_path)
    assert "AP_verytiny" in (tmp_path / "report.md").read_text()
    assert found.deciding == []
