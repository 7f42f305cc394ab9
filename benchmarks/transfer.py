# SPDX-License-Identifier: AGPL-3.0-or-later
"""What pretrained weights bring into every packaged model, by stock Ultralytics and by us.

    python benchmarks/transfer.py [weights=DIR] [scales=smlx] [docs=docs/transfer.md] [json=FILE]

``DIR`` holds yolov8n*.pt, yolo11n*.pt and yolo26n*.pt. Without it, stock models with seeded random tensors stand in;
the counts are the same. Stock transfer is Ultralytics' own function below our wrapper. The page takes the curves of
``benchmarks/first_steps.py`` from the JSON file that lies beside it.
"""

from __future__ import annotations

import copy
import inspect
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import ultralytics
from torch.utils.flop_counter import FlopCounterMode
from transfer_page import write_page
from ultralytics.nn.tasks import BaseModel, DetectionModel

from yolo_fine.composer.compose import compose_text
from yolo_fine.errors import MissingFileError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.models import read_weights
from yolo_fine.integration.transfer.pairing import Pairing, pair
from yolo_fine.integration.transfer.raw_outputs import largest_difference
from yolo_fine.integration.transfer.transfer_report import TransferReport
from yolo_fine.integration.transfer.weights import compare, transfer
from yolo_fine.recipes import run_script
from yolo_fine.utils.files import write_json


@dataclass(frozen=True)
class Outcome:
    """One way to load: pretrained tensors and parameters that arrived, and differences from the stock model's outputs.

    ``in_place`` counts the tensors that arrived in the layer that they come from: numbers alone put others elsewhere.
    Differences are None where the outputs have other shapes.
    """

    tensors: int
    in_place: int
    parameters: int
    difference: float | None
    difference_fused: float | None


@dataclass(frozen=True)
class Row:
    """One packaged model at one scale, loaded in both ways; ``line`` is what is said of ours."""

    model: str
    line: str
    total: int
    stock: Outcome
    ours: Outcome


def transfer_page(
    *, weights: Path | None = None, scales: str | None = "smlx", docs: Path | None = None, json: Path | None = None
) -> None:
    """Measure every packaged model at scale n, and count at the other scales; prints the table.

    Args:
        weights: Folder of checkpoints, one for each family at scale n.
        scales: Other scales to count at, with random tensors; ``scales=`` for none.
        docs: Write the page of documentation to this file.
        json: Write the metrics to this file.
    """
    rows, ungained, others, files = [], [], [], []
    for family, variants in families().items():
        source, file = pretrained(family, "n", weights)
        files.append(file)
        for variant in variants:
            rows.append(measure(f"{family}n{variant}", source))
            print(rows[-1], flush=True)
        ungained.append(without_gain(family, source))
        for scale in scales or "":
            source, _ = pretrained(family, scale, None)
            others += [count(f"{family}{scale}{variant}", source) for variant in variants]
    words = [f"{key}={value}" for key, value in {"weights": weights and "DIR", "docs": docs}.items() if value]
    result = {
        "command": " ".join(["python benchmarks/transfer.py", *words]),
        "weights": files if weights else None,
        "versions": {"torch": torch.__version__, "ultralytics": ultralytics.__version__},
        "rows": [asdict(row) for row in rows + ungained],
        "scales": others,
    }
    if json:
        write_json(json, result)
    if docs:
        write_page(docs, result)


def families() -> dict[str, list[str]]:
    """The packaged variants of each family: ``yolo11`` -> ``-ema.yaml``, ..."""
    found: dict[str, list[str]] = {}
    for name in packaged_files("models"):
        family, variant = re.fullmatch(r"(yolov?\d+)(-.+)", name).groups()  # type: ignore[union-attr]
        found.setdefault(family, []).append(variant)
    return found


def pretrained(family: str, scale: str, folder: Path | None) -> tuple[Any, str]:
    """The stock model of a family and the name of its file, or a model whose tensors are all unlike a fresh one's."""
    if folder:
        files = sorted(folder.glob(f"{family}{scale}*.pt"))
        if not files:
            raise MissingFileError(f"weights={folder} holds no {family}{scale}*.pt")
        return read_weights(str(files[0])), files[0].name
    torch.manual_seed(1)
    model = DetectionModel(f"{family}{scale}.yaml", verbose=False).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.1 * torch.rand_like(tensor))
    return model, f"{family}{scale}.yaml, random"


def build(name: str) -> Any:
    """A packaged model, its new layers always the same."""
    torch.manual_seed(0)
    return DetectionModel(name, verbose=False).eval()


def measure(name: str, source: Any) -> Row:
    """Load the source in both ways and compare outputs before and after ``fuse()``."""
    by_number, ours = build(name), build(name)
    pairing = pair(list(source.model), list(ours.model))
    inspect.unwrap(BaseModel.load)(by_number, source, verbose=False)
    length = min(len(source.model), len(by_number.model))
    same_number = Pairing({i: i for i in range(length)})
    in_place = Pairing(
        {j: i for j, i in pairing.layers.items() if i == j and (pairing.branches is None or j != pairing.head)}
    )
    report = compare(source, by_number, same_number)
    stock = outcome(by_number, source, report, compare(source, by_number, in_place).transferred)
    report = transfer(ours, source, verbose=False)
    return Row(name, report.line, report.total, stock, outcome(ours, source, report, report.transferred))


def without_gain(family: str, source: Any) -> Row:
    """The family's model with DySample as the paper has it in place of both upsamplers."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{family}n-up.yaml"
        file.write_text(compose_text(f"{family}n", {"upsample": "DySample"}, out=file).text)
        return replace(measure(str(file), source), model=f"{family}n, `upsample=DySample` without gain")


def outcome(model: Any, source: Any, report: TransferReport, in_place: int) -> Outcome:
    """What arrived, and how far the outputs are from the source's."""
    difference = largest_difference(model, source)
    fused = [copy.deepcopy(one).fuse(verbose=False) for one in (model, source)]
    return Outcome(report.transferred, in_place, report.parameters, difference, largest_difference(*fused))


def count(name: str, source: Any) -> dict[str, Any]:
    """What our transfer carries over at another scale, and what the head's width costs."""
    model = build(name)
    before = cost(model)
    report = transfer(model, source, verbose=False)
    return {
        "model": name,
        "transferred": report.transferred,
        "total": report.total,
        "widened": report.widened,
        "cost": [before, cost(model) if report.widened else before],
        "left_out": sorted({f"{lost.module} {lost.tensor.split('.')[0]}" for lost in report.not_transferred}),
        "reason": report.not_transferred[0].reason if report.not_transferred else None,
    }


def cost(model: Any) -> tuple[int, float]:
    """Parameters, and GFLOPs at 640 x 640 as ``yolo-fine models`` counts them (on the meta device: nothing is run)."""
    twin = copy.deepcopy(model).train().to("meta")
    for module in twin.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        twin(torch.zeros(1, 3, 640, 640, device="meta"))
    return sum(parameter.numel() for parameter in model.parameters()), counter.get_total_flops() / 1e9


if __name__ == "__main__":
    run_script(transfer_page, ("python benchmarks/transfer.py weights=DIR docs=docs/transfer.md",))
