# SPDX-License-Identifier: AGPL-3.0-or-later
"""One grid of 2 x 2 tiny trainings from the command to the report; stopped, failed and taken up again.

The runs are carried out in this process, which saves each the seconds of importing torch;
``scripts/kill_ablation.py`` kills a grid of real processes.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from yolo_fine.ablation import grid as grids
from yolo_fine.ablation.grid import ablate
from yolo_fine.ablation.report import Ablation
from yolo_fine.ablation.run import run
from yolo_fine.errors import ArgumentError, DataError, YoloFineError
from yolo_fine.utils.executors import LocalExecutor, Watch
from yolo_fine.utils.files import write_json
from yolo_fine.utils.parts import alone_in

REPORT = ("results.csv", "report.json", "report.md", "report.html", "pareto.png")


class InThisProcess(LocalExecutor):
    """Carries out runs here. Those whose folder's name is in ``failing`` fail."""

    failing: tuple[str, ...] = ()
    done: list[str] = []  # noqa: RUF012  # shared with the test

    def carry_out(self, folders: Sequence[Path], watch: Watch) -> Iterator[tuple[Path, int]]:
        for folder in folders:
            watch(folder, "")
            if folder.name in self.failing:
                (folder / "log.txt").write_text("RuntimeError: the cat sat on the keyboard\n")
                yield folder, 1
                continue
            if folder.parent.name != "probes":
                run(folder)
                self.done.append(folder.name)
            elif folder.name == "yolo11n-ema":  # one is enough to see that first steps are timed
                run(folder)
                timed = json.loads((folder / "progress.json").read_text())
                assert timed["step"] > 0
                assert timed["steps"] == 1  # in an epoch of four images
            else:
                write_json(folder / "progress.json", {"step": 0.1, "steps": 1})
            yield folder, 0


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> type[InThisProcess]:
    """Runs that are carried out here."""
    monkeypatch.setattr(grids, "LocalExecutor", InThisProcess)
    monkeypatch.setattr(InThisProcess, "failing", ())
    monkeypatch.setattr(InThisProcess, "done", [])
    return InThisProcess


def tiny_grid(data: Path, out: Path, **other: Any) -> Ablation:
    values: dict[str, Any] = {
        "models": "yolo11n.yaml,yolo11n-ema.yaml", "seeds": 2, "metric": "AP", "resamples": 400, "latency": False,
        "epochs": 1, "imgsz": 64, "batch": 4, "loader_workers": 0, "device": "cpu", "amp": False,
    }  # fmt: skip
    found = ablate(data=data, out=out, **(values | other))
    assert isinstance(found, Ablation)
    return found


@pytest.fixture(scope="module")
def finished(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished grid. No test changes it."""
    folder = tmp_path_factory.mktemp("ablation") / "grid"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grids, "LocalExecutor", InThisProcess)
        patch.setattr(InThisProcess, "done", [])
        found = tiny_grid(tiny_data, folder)
        assert found.passed
        assert InThisProcess.done == [
            "yolo11n-seed0", "yolo11n-ema-seed0", "yolo11n-seed1", "yolo11n-ema-seed1",
        ]  # fmt: skip
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished grid."""
    return Path(shutil.copytree(finished, tmp_path / "grid"))


def results(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "results.csv").open() as stream:
        return {(row["model"], row["seed"]): row for row in csv.DictReader(stream)}


def test_arms_see_equal_data_and_seeds_differ(finished: Path) -> None:
    rows = results(finished)
    assert len(rows) == 4
    data = {key: row["data_hash"] for key, row in rows.items()}
    for seed in "01":
        assert data["yolo11n.yaml", seed] == data["yolo11n-ema.yaml", seed]
    assert data["yolo11n.yaml", "0"] != data["yolo11n.yaml", "1"]
    assert len({row["weights_hash"] for row in rows.values()}) == 4


def test_the_folder_holds_what_is_promised(finished: Path) -> None:
    for name in ("plan.json", *REPORT):
        assert (finished / name).is_file()
    for name in ("job.json", "result.json", "eval.json", "boot.npz", "train"):
        assert (finished / "yolo11n-seed1" / name).exists()
    told = json.loads((finished / "report.json").read_text())
    assert told["baseline"] == "yolo11n.yaml"
    assert told["comparisons"][0]["seeds"] == 2
    assert not told["missing"]


def test_the_same_command_again_trains_nothing(
    copied: Path, tiny_data: Path, in_this_process: type[InThisProcess]
) -> None:
    before = {name: (copied / name).read_bytes() for name in REPORT}
    assert tiny_grid(tiny_data, copied).passed
    assert in_this_process.done == []
    assert before == {name: (copied / name).read_bytes() for name in REPORT}


def test_a_cut_run_starts_anew_and_a_failed_one_does_not_end_the_grid(
    copied: Path, tiny_data: Path, in_this_process: type[InThisProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (copied / name).read_bytes() for name in REPORT}
    cut, other = copied / "yolo11n-ema-seed0", copied / "yolo11n-seed1"
    for folder in (cut, other):
        (folder / "result.json").unlink()
    (cut / "train" / "weights" / "last.pt").write_bytes(b"cut in the middle")
    monkeypatch.setattr(in_this_process, "failing", (cut.name,))

    found = tiny_grid(tiny_data, copied)
    assert not found.passed
    assert found.failed == {cut.name: "RuntimeError: the cat sat on the keyboard"}
    assert in_this_process.done == [other.name]
    (one,) = found.deciding
    assert (one.comparison.seeds, one.comparison.left_out) == ((1,), (0,))

    monkeypatch.setattr(in_this_process, "failing", ())
    assert tiny_grid(tiny_data, copied).passed
    assert in_this_process.done == [other.name, cut.name]
    assert before == {name: (copied / name).read_bytes() for name in REPORT}  # bit for bit


def test_other_arguments_are_refused_with_the_difference(copied: Path, tiny_data: Path) -> None:
    with pytest.raises(ArgumentError, match="epochs was 1, is 2"):
        tiny_grid(tiny_data, copied, epochs=2)
    with pytest.raises(ArgumentError, match=r"models were .*, are yolo11n\.yaml, yolo11n-fine\.yaml"):
        tiny_grid(tiny_data, copied, models="yolo11n.yaml,yolo11n-fine.yaml")


def test_two_ablations_in_one_folder_do_not_meet(copied: Path, tiny_data: Path) -> None:
    with alone_in(copied), pytest.raises(ArgumentError, match="another process is at work in"):
        tiny_grid(tiny_data, copied)
    assert tiny_grid(tiny_data, copied).passed


def test_two_equal_seeds_stop_the_grid(copied: Path, tiny_data: Path) -> None:
    first, second = (copied / f"yolo11n-seed{seed}" / "result.json" for seed in (0, 1))
    same = json.loads(second.read_text()) | {"weights_hash": json.loads(first.read_text())["weights_hash"]}
    second.write_text(json.dumps(same))
    with pytest.raises(DataError, match="seeds 0 and 1 ended with equal weights"):
        tiny_grid(tiny_data, copied)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": "yolo11n.yaml"}, "name at least two, or control=True"),
        ({"models": "yolo11n.yaml,yolo11n-emma.yaml"}, "yolo11n-ema"),
        ({"baseline": "yolo11s"}, "baseline=yolo11s is none of the models"),
        ({"metric": "AP_smal"}, "did you mean AP_small"),
        ({"metric": "VisDrone_AP"}, "metric=VisDrone_AP is none of AP, AP50"),
        ({"sizes": "huge"}, "huge"),
        ({"resamples": 10}, "must be 400 or more"),
        ({"weights": "nothing.pt"}, "nothing.pt"),
        ({"seed": 3}, "seed= is set by the ablation; use seeds="),
        ({"resume": True}, "resume= is set by the ablation"),
        ({"epohcs": 3}, "epochs"),
        ({"models": "yolo11n.yaml,yolo11n+refine:EMMA"}, "EMA"),
        ({"device": "0,1"}, "a run of an ablation takes one GPU"),
    ],
)
def test_bad_input_is_known_before_the_first_run(
    tiny_data: Path, tmp_path: Path, change: dict[str, Any], words: str, in_this_process: type[InThisProcess]
) -> None:
    with pytest.raises((YoloFineError, TypeError)) as caught:
        tiny_grid(tiny_data, tmp_path / "out", **change)
    assert words in str(caught.value)
    assert in_this_process.done == []
    assert not (tmp_path / "out").exists()


def test_a_grid_that_can_not_begin_leaves_nothing(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_this_process: type[InThisProcess]
) -> None:
    monkeypatch.setattr(in_this_process, "failing", ("yolo11n", "yolo11n-ema"))  # the first steps of each
    with pytest.raises(ArgumentError, match="the cat sat on the keyboard"):
        tiny_grid(tiny_data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_data_is_known_before_the_first_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        tiny_grid(tmp_path / "nowhere.yaml", tmp_path / "out")
    assert not (tmp_path / "out").exists()
