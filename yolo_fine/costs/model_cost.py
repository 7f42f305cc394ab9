# SPDX-License-Identifier: AGPL-3.0-or-later
"""Parameters and GFLOPs of the packaged models beside their stock models: ``yolo-fine models``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.model_names import SCALES, with_scale
from yolo_fine.integration.models import build_detection_network
from yolo_fine.utils.files import write_json

PAGE = """# Packaged models

Each is used by bare name with a scale letter, from any folder: `yolo train model=yolo11n-fine.yaml ...`. Counted with
80 classes. GFLOPs are 2 x multiply-accumulates of convolutions and matrix products on a 640 x 640 image in training,
for stock and ours alike. With pretrained weights, the P2 heads of `-small` above scale n become wider than here:
[transfer.md](transfer.md#other-scales). (Ultralytics' own metric counts a few element-wise layers too, and extrapolates
from a small image.)

{table}

Made by `yolo-fine models scales={scales} docs=docs/models.md`.
"""


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
    """Parameters and GFLOPs of a model YAML at 640x640, counted on the meta device (nothing is computed)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = build_detection_network(yaml_name)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    model.train().to("meta")  # in train mode Detect returns raw maps, without decoding
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 640, 640, device="meta"))
    return parameters, counter.get_total_flops() / 1e9


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


def markdown_table(costs: list[ModelCost]) -> str:
    """The costs as a Markdown table, each beside its stock model."""
    lines = [
        "| model | parameters (M) | stock (M) | GFLOPs | stock | GFLOPs ratio |",
        "|---|---|---|---|---|---|",
    ]
    for cost in costs:
        lines.append(
            f"| {cost.model} | {cost.parameters / 1e6:.2f} | {cost.stock_parameters / 1e6:.2f} "
            f"| {cost.gflops:.1f} | {cost.stock_gflops:.1f} | {cost.gflops / cost.stock_gflops:.2f} |"
        )
    return "\n".join(lines)


def show_model_costs(scales: str = "n", json: Path | None = None, docs: Path | None = None) -> None:
    """Print the table of packaged models.

    Args:
        scales: Scale letters, as ``n`` or ``nsmlx``.
        json: Write the metrics to this file too.
        docs: Write the table as a page of documentation to this file too.
    """
    costs = model_costs(scales)
    table = markdown_table(costs)
    print(table)
    if json:
        write_json(json, [asdict(cost) for cost in costs])
    if docs:
        docs.write_text(PAGE.format(table=table, scales=scales), encoding="utf-8")
