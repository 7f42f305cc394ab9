# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the models of an ablation cost beside their baseline: parameters, GFLOPs and, where it was timed, latency."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolo_fine.costs.bench_models import torch_call
from yolo_fine.costs.model_costs import measure_at
from yolo_fine.costs.timing import Ratio, ratio, take_turns, threads
from yolo_fine.integration.models import open_model
from yolo_fine.utils.files import write_json

LATENCY = "latency.json"
ROUNDS = 15


@dataclass(frozen=True)
class Cost:
    """Cost of one model.

    Attributes:
        parameters: Number of parameters.
        gflops: Of the convolutions and matrix products at the input size of the ablation.
        latency: Ratio to the baseline of the same run, fused, one CPU thread, one image; None if it was not timed.
    """

    parameters: int
    gflops: float
    latency: Ratio | None = None


def count_costs(files: Mapping[str, str], imgsz: Mapping[str, int]) -> dict[str, Cost]:
    """Parameters and GFLOPs of models, by name.

    Args:
        files: Model file by name.
        imgsz: Side of the input by name.
    """
    costs = {}
    for name, file in files.items():
        network = open_model(file).model
        costs[name] = Cost(sum(p.numel() for p in network.parameters()), measure_at(network, imgsz[name]))
    return costs


def time_latency(files: Mapping[str, str], imgsz: Mapping[str, int], baseline: str, folder: Path) -> None:
    """Time all models in turns, each at its input size, and keep the ratios to the baseline in the folder."""
    import torch

    settings: dict[str, Any] = {"compiled": False, "precision": "float32", "threads": 1, "device": "cpu"}
    with threads(settings["threads"]):
        calls = {
            name: torch_call(
                open_model(file).model.float().eval().fuse(verbose=False),
                torch.rand(1, 3, *[whole_strides(imgsz[name])] * 2),
                settings,
            )
            for name, file in files.items()
        }
        times = take_turns(calls, ROUNDS)
    ratios = {name: asdict(ratio(own, times[baseline])) for name, own in times.items()}
    write_json(folder / LATENCY, {"settings": settings | {"rounds": ROUNDS}, "ratios": ratios})


def whole_strides(imgsz: int) -> int:
    """An input size rounded up to a multiple of 32."""
    return -(-imgsz // 32) * 32


def with_latency(costs: Mapping[str, Cost], folder: Path) -> dict[str, Cost]:
    """The same costs with the ratios that are kept in the folder, if there are any."""
    file = folder / LATENCY
    if not file.is_file():
        return dict(costs)
    ratios = json.loads(file.read_text(encoding="utf-8"))["ratios"]
    return {name: Cost(cost.parameters, cost.gflops, Ratio(**ratios[name])) for name, cost in costs.items()}
