# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine bench``: the keys of its result, its table, its picture, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.commands import python
from yolo_fine.catalog import get_block
from yolo_fine.costs import bench
from yolo_fine.costs.bench import bench_blocks, exponents
from yolo_fine.costs.bench_models import bench_models, stock_sibling
from yolo_fine.costs.bench_result import Bench, Timing
from yolo_fine.costs.memory import peak_bytes
from yolo_fine.costs.timing import Ratio
from yolo_fine.errors import ArgumentError, UnknownBlockError, YoloFineError
from yolo_fine.utils.tables import Table

SMALL: dict[str, Any] = {"channels": 16, "size": 8, "rounds": 3}
YARDSTICK = "Conv3x3+BN+SiLU"


def of(ratio: Ratio, **other: Any) -> Timing:
    return Timing(ms=2.0, quartiles=(1.9, 2.1), ratio=ratio, parameters=10, mmacs=1.0, **other)


def test_keys_that_are_fixed(tmp_path: Path) -> None:
    found = bench_blocks("FINE,EMA", **SMALL, json=tmp_path / "bench.json", plot=tmp_path / "bench.png")
    told = json.loads((tmp_path / "bench.json").read_text())
    assert told["yardstick_ms"] == found.timings[YARDSTICK].ms > 0
    assert set(told["blocks"]) == {"FINE", "EMA"}
    fine = told["blocks"]["FINE"]
    assert fine["ms"] > 0
    low, high = fine["ratio_limits"]
    assert low <= fine["ratio"] <= high
    assert fine["peak_mb"] > 0
    assert told["settings"]["rounds"] == 3
    assert torch.backends.cpu.get_cpu_capability() in told["settings"]["processor"]
    assert f"ms on {told['settings']['processor']}" in found.summary()
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "change", [{"train": True}, {"precision": "bfloat16"}, {"runtime": "onnxruntime"}, {"growth": True}]
)
def test_ways_to_run_a_block(change: dict[str, Any]) -> None:
    if change.get("runtime") == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
    found = bench_blocks("EMA,DySample", **SMALL, **change)
    assert not found.left_out
    assert found.timings["EMA"].ms > 0
    assert (found.timings["EMA"].peak_mb is None) == ("runtime" in change)
    assert all((timing.growth is not None) == ("growth" in change) for timing in list(found.timings.values())[1:])


def test_a_ratio_within_its_spread_is_not_printed() -> None:
    timings = {
        "Conv": of(Ratio(1, 1, 1)),
        "clear": of(Ratio(1.2, 1.1, 1.3)),
        "unclear": of(Ratio(1.02, 0.97, 1.05)),
    }
    found = Bench("blocks", "Conv", timings, {})
    ratios = {row["name"]: row["ratio"] for row in found.table()}
    assert ratios == {"Conv": "1", "clear": "1.20", "unclear": "within noise of 1 (0.97 to 1.05)"}
    assert "unclear within noise of 1" in found.summary()
    assert [one["clear"] for one in found.to_dict()["blocks"].values()] == [True, False]


def test_exponents_in_cells() -> None:
    growth = exponents(get_block("FINEConcat"))
    assert growth["cells"] == pytest.approx(1.0, abs=0.02)
    assert growth["channels"] == pytest.approx(2.0, abs=0.1)
    assert exponents(get_block("EMA"))["channels"] == pytest.approx(1.0)  # its groups are as many for all widths
    assert 1.9 < exponents(get_block("PAM"))["cells"] <= 2.0


def test_a_quadratic_block_says_so() -> None:
    timings = {"Conv": of(Ratio(1, 1, 1)), "Dense": of(Ratio(3, 2, 4), growth={"cells": 1.98, "channels": 1.0})}
    row = Bench("blocks", "Conv", timings, {}).table()[1]
    assert row["grows with cells"] == "^1.98 (quadratic)"


def test_a_block_that_can_not_run_is_listed_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            raise RuntimeError("no such kernel")

    stock = bench.example
    monkeypatch.setattr(
        bench, "example", lambda spec, *at: (Broken(), stock(spec, *at)[1]) if spec.name == "EMA" else stock(spec, *at)
    )
    found = bench_blocks("FINE,EMA", **SMALL)
    assert found.left_out == {"EMA": "RuntimeError: no such kernel"}
    assert set(found.timings) == {YARDSTICK, "FINE"}
    assert found.to_dict()["left_out"] == found.left_out
    shown = found.show()
    assert isinstance(shown[0], Table)
    assert shown[1] == "not measured: EMA: RuntimeError: no such kernel"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"names": "EMMA"}, "EMA"),
        ({"kind": "refines"}, "did you mean refine"),
        ({"size": 4}, "size=4 must be 8 or more"),
        ({"rounds": 0}, "rounds=0 must be 1 or more"),
        ({"runtime": "onnxruntime", "train": True}, "leave the others out"),
        ({"names": "EMA", "device": "0"}, "device=0: this machine has no such GPU"),
        ({"names": "EMA", "device": "tpu"}, "device=tpu must be cpu"),
        ({"names": "EMA", "plot": "bench.jpg"}, "ends in .png"),
    ],
)
def test_what_can_not_be_measured(arguments: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises((ArgumentError, UnknownBlockError)) as caught:
        bench_blocks(**(SMALL | arguments))
    assert words in str(caught.value)


def test_models_are_compared_with_their_stock_model(tmp_path: Path) -> None:
    found = bench_models("yolo11n-ema.yaml,yolo11s.yaml", imgsz=32, rounds=3, json=tmp_path / "bench.json")
    told = json.loads((tmp_path / "bench.json").read_text())
    assert told["yardstick_ms"] > 0
    assert set(told["models"]) == {"yolo11n.yaml", "yolo11n-ema.yaml", "yolo11s.yaml"}
    assert {"ms", "ratio", "ratio_limits"} <= set(told["models"]["yolo11s.yaml"])
    assert found.timings["yolo11s.yaml"].ratio.value > 1
    rows = {row["name"]: row for row in found.table()}
    assert rows["yolo11n-ema.yaml"]["to"] == "yolo11n.yaml"
    assert rows["yolo11n.yaml"]["ratio"] == "1"


@pytest.mark.parametrize(
    ("name", "stock"),
    [
        ("yolo11n-fine.yaml", "yolo11n.yaml"),
        ("yolo26s-small.yaml", "yolo26s.yaml"),
        ("yolov8m-ema.pt", "yolov8m.yaml"),
        ("yolo11s.yaml", "yolo11n.yaml"),
        ("best.pt", None),
    ],
)
def test_the_stock_model_of_a_name(name: str, stock: str | None) -> None:
    assert stock_sibling(name) == stock


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"names": "yolo11n-finn.yaml"}, "yolo11n-fine"),
        ({"imgsz": 100}, "multiple of 32"),
        ({"device": "0"}, "device=0: this machine has no such GPU"),
        ({"names": "best.pt"}, "against=yolo11n.yaml"),
        ({"runtime": "onnxruntime", "compile": True}, "leave the others out"),
    ],
)
def test_models_that_can_not_be_measured(
    arguments: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(YoloFineError) as caught:
        bench_models(**({"imgsz": 32, "rounds": 1} | arguments))
    assert words in str(caught.value)


def test_the_peak_is_that_of_tensors_alive_at_one_time() -> None:
    def call() -> None:
        first = torch.zeros(1 << 18)  # 1 MiB each
        second = first + 1
        del first
        third = second + 1
        del second, third

    assert peak_bytes(call) == pytest.approx(2 << 20, abs=1 << 12)


def test_the_profiler_does_not_report_itself(tmp_path: Path) -> None:
    code = (
        "import torch, ultralytics\n"
        "from yolo_fine.costs.memory import peak_bytes\n"
        "print(peak_bytes(lambda: torch.zeros(1024)))"
    )
    done = python(code, tmp_path)  # the level is read once in a process
    assert (done.stdout, done.stderr) == ("4096\n", "")
