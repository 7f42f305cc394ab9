# SPDX-License-Identifier: AGPL-3.0-or-later
"""Parameters and GFLOPs of the packaged models beside their stock models: ``yolo-fine models``."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.model_names import SCALES, with_scale
from yolo_fine.integration.models import build_detection_network
from yolo_fine.utils.calls import public
from yolo_fine.utils.paths import StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table


@dataclass(frozen=True)
class ModelCost:
    """Cost of one model at one scale.

    Attributes:
        model: What a user types, as ``yolo11n-fine.yaml``.
        stock: The stock model it is compared with, as ``yolo11n.yaml``.
        parameters: Number of parameters.
        gflops: 2 x multiply-accumulates of convolutions and matrix products at 640x640, in 10^9.
        stock_parameters: The same of the stock model.
        stock_gflops: The same of the stock model.
    """

    model: str
    stock: str
    parameters: int
    gflops: float
    stock_parameters: int
    stock_gflops: float


def measure(yaml_name: str) -> tuple[int, float]:
    """Parameters and GFLOPs of a model YAML at 640x640."""
    model = build_detection_network(yaml_name)
    return sum(parameter.numel() for parameter in model.parameters()), measure_at(model, 640)


def measure_at(model: Any, imgsz: int) -> float:
    """GFLOPs of a network at an input size: 2 x multiply-accumulates of convolutions and matrix products in training.

    Counted on the meta device: nothing is computed.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    twin = copy.deepcopy(model).train().to("meta")  # in train mode Detect returns raw maps, without decoding
    for module in twin.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        twin(torch.zeros(1, 3, imgsz, imgsz, device="meta"))
    return float(counter.get_total_flops()) / 1e9


def model_costs(scales: str = "n") -> list[ModelCost]:
    """Costs of every packaged model at each scale letter of ``scales``.

    Raises:
        ArgumentError: A letter is none of n, s, m, l, x.
    """
    if not scales or set(scales) - set(SCALES):
        raise ArgumentError(f"scales='{scales}': name scale letters out of {SCALES}, for example scales=ns")
    stock: dict[str, tuple[int, float]] = {}
    costs = []
    for name in packaged_files("models"):
        for scale in scales:
            model = with_scale(name, scale)
            base = f"{model.partition('-')[0]}.yaml"
            if base not in stock:
                stock[base] = measure(base)
            costs.append(ModelCost(model, base, *measure(model), *stock[base]))
    return costs


@dataclass(frozen=True, repr=False)
class ModelCosts(Result):
    """Costs of packaged models, each beside its stock model."""

    costs: list[ModelCost]

    def to_dict(self) -> list[dict[str, Any]]:
        """The costs of each model."""
        return [asdict(cost) for cost in self.costs]

    def summary(self) -> str:
        """How many models, and how much they cost at most."""
        ratios = [cost.gflops / cost.stock_gflops for cost in self.costs]
        return (
            f"{len(self.costs)} packaged models, {min(ratios):.2f} to {max(ratios):.2f} of their stock models' GFLOPs"
        )

    def table(self) -> Sequence[Row]:
        """A row a model."""
        return [
            {
                "model": cost.model,
                "parameters (M)": f"{cost.parameters / 1e6:.2f}",
                "stock (M)": f"{cost.stock_parameters / 1e6:.2f}",
                "GFLOPs": f"{cost.gflops:.1f}",
                "stock": f"{cost.stock_gflops:.1f}",
                "GFLOPs ratio": f"{cost.gflops / cost.stock_gflops:.2f}",
            }
            for cost in self.costs
        ]

    def show(self) -> list[str | Table]:
        """The table."""
        return [Table(self.table())]


@public
def list_models(scales: str = "n", json: StrPath | None = None) -> ModelCosts:
    """The packaged model YAMLs with parameters and GFLOPs, each beside its stock model.

    Args:
        scales: Scale letters, as ``n`` or ``nsmlx``.
        json: Write the costs to this file too.

    Raises:
        ArgumentError: A letter is none of n, s, m, l, x.
    """
    found = ModelCosts(model_costs(scales))
    if json is not None:
        found.to_json(json)
    return found
