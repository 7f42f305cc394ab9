# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pages made of committed measurements: they are up to date, and they cope with what is not finished."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.ablation.grids import BASE, EMA, FINE, costs, finish, plan
from yolo_fine.ablation.arms import again
from yolo_fine.ablation.plan import Plan
from yolo_fine.ablation.report import read_ablation, write_reports
from yolo_fine.costs.bench import bench_blocks
from yolo_fine.utils.files import write_json

ROOT = Path(__file__).resolve().parents[2]
COSTS = costs({BASE.name: 1.0, FINE.name: 1.1, EMA.name: 1.2, f"{BASE.name} again": 1.0})


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The makers of pages, as ``python scripts/NAME.py`` imports them."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    names = ("command_pages", "cost_page", "study_page", "make_pages")
    found = {name: importlib.import_module(name) for name in names}
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return found


@pytest.mark.parametrize("name", ["cost", "study"])
def test_committed_pages_are_up_to_date(scripts: dict[str, ModuleType], name: str) -> None:
    for file, text in scripts["make_pages"].PAGES[name]().items():
        assert text == (ROOT / "docs" / file).read_text(encoding="utf-8")


def ablation(folder: Path, chosen: Plan, finished: int) -> None:
    """An ablation of which the first runs are finished: FINE finds more, EMA does not."""
    write_json(folder / "plan.json", chosen.to_dict() | {"data": "/home/somebody/data.yaml", "weights": "/tmp/n.pt"})
    for run in chosen.runs[:finished]:
        gain = {FINE.name: 3.0, EMA.name: 0.01}.get(run.arm.name, 0.0)
        small = 10.0 + 0.3 * run.pair + gain + 0.002 * (run.seed % 7)
        finish(folder, run, {"AP": 20.0 + gain + 0.1 * run.pair, "AP_small": small})
        manifest = {"groups": {"effective_groups": 40.0}, "data": {"images": 40, "objects": 123}}
        write_json(folder / run.name / "eval.json", {"manifest": manifest})
    write_reports(read_ablation(chosen, folder, COSTS), folder)


def page(scripts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: int) -> str:
    chosen = plan((BASE, FINE, EMA, again(BASE)), seeds=range(5))
    ablation(tmp_path / "run", chosen, finished)
    study = scripts["study_page"]
    monkeypatch.setattr(study, "STUDIES", tmp_path / "study")
    study.take(tmp_path / "run", "mine")
    text: str = study.study_page(tmp_path / "study")
    return text


def test_a_finished_study(scripts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page(scripts, tmp_path, monkeypatch, 20)
    assert "Finished: 20 runs, seeds 0, 1, 2, 3, 4." in text
    assert "40 images and 123 objects" in text
    assert f"* `{FINE.name}` has 3.00 points of AP_small more than the baseline, beyond noise (+3.00 [" in text
    assert f"* `{EMA.name}` shows no difference beyond noise" in text
    assert "a difference of 0." in text  # which could have been seen
    assert "this is what nothing looks like" in text
    assert "study/mine/pareto.png" in text
    assert "/home" not in text + (tmp_path / "study" / "mine" / "plan.json").read_text()
    assert "/tmp" not in text


def test_a_study_says_how_its_models_were_made(scripts: dict[str, ModuleType], tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("# Made by: yolo-fine compose base=yolo11n head=p2,p3,p4\nnc: 80\n")
    command_of = scripts["study_page"].command_of
    assert command_of(mine) == "yolo-fine compose base=yolo11n head=p2,p3,p4"
    mine.write_text("nc: 80\n")
    assert command_of(mine) == command_of(tmp_path / "packaged.yaml") == ""


@pytest.mark.parametrize("finished", [0, 1, 2, 6])
def test_a_study_that_is_not_finished(
    scripts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: int
) -> None:
    text = page(scripts, tmp_path, monkeypatch, finished)
    assert f"**Not finished: {finished} of 20 runs.**" in text
    if finished == 2:
        assert "with one seed" in text
        assert "proves nothing yet" in text
    if finished >= 1:
        assert "nothing is known yet" in text or finished == 6
    if finished == 6:
        assert "`yolo11n.yaml`: 0, 1" in text
        assert "without seeds 1" in text


def test_the_page_of_costs_shows_what_is_there(scripts: dict[str, ModuleType], tmp_path: Path) -> None:
    make = scripts["cost_page"].cost_page
    assert "## Blocks" not in make(tmp_path)
    bench_blocks("ECA", channels=16, size=8, rounds=3, json=tmp_path / "blocks.json")
    told = json.loads((tmp_path / "blocks.json").read_text())
    one = told["blocks"]["ECA"]
    one["ratio"], one["ratio_limits"] = 1.02, [0.97, 1.05]
    told["blocks"]["Clear"] = one | {"ratio": 0.5, "ratio_limits": [0.4, 0.6], "growth": {"cells": 2.0}}
    write_json(tmp_path / "blocks.json", told)
    ratios = {"before": [0.8, 0.7, 0.9], "after": [0.5, 0.4, 0.6], "before_to_after": [1.6, 1.5, 1.7]}
    reordered = {key: dict(zip(("value", "low", "high"), one, strict=True)) for key, one in ratios.items()}
    write_json(tmp_path / "reordered.json", {"inference": {"Clear": reordered}, "training": {}})
    text = make(tmp_path)
    assert "within noise of 1 (0.97 to 1.05)" in text
    assert "2.0 (quadratic)" in text
    assert text.index("`Clear`") < text.index("`ECA`")
    assert "## Models" not in text
    row = next(line for line in text.splitlines() if "0.80" in line)
    assert [cell.strip() for cell in row.split("|")][1:-1] == ["`Clear`", "inference", "0.80", "0.50", "1.60"]
