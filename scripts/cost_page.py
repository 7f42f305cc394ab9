# SPDX-License-Identifier: AGPL-3.0-or-later
"""``docs/cost.md``, made from the measurements in ``docs/cost/``, which ``python benchmarks/costs.py`` renews."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yolo_fine.costs.bench_result import QUADRATIC
from yolo_fine.costs.timing import Ratio
from yolo_fine.utils.tables import Table

Measured = dict[str, Any]

PAGE = """# What blocks and models cost

Each number is a **ratio within one run**: everything takes its turn in every round, so a busy machine slows all alike;
shown is the median over the rounds. Where the 95 % interval of a ratio holds 1, the spread is larger than the
difference, and no number is given. One CPU thread, one image, {versions}.

Ratios depend on the processor: where it multiplies fast, the convolution that blocks are compared with is short, and
what a block does besides counts for more.

Measure on your machine: `yolo-fine bench blocks`, `yolo-fine bench models` (`--help` says the rest: training,
`torch.compile`, half precision, onnxruntime, a GPU). This page: `python benchmarks/costs.py`, then
`python scripts/make_pages.py cost`.
{sections}"""
BLOCKS = """
## Blocks

Ratio to one 3x3 convolution with batch norm and SiLU, 128 channels on 80 x 80 cells ({ms:.1f} ms{where}).
"Training" is forward and backward of both. "Grows with cells" is the exponent of multiply-accumulates: 1 as a
convolution, from {quadratic} on it is called quadratic, and `yolo-fine lint` notes such a block on maps above 40 x 40.
Peak is what is alive at one time beside input and parameters. In onnxruntime run the
[forms that exports get](export.md#forms-of-blocks).

{table}
{picture}"""
MODELS = """
## Models

Ratio to the stock model of the same scale (`yolo11s` to `yolo11n`), fused, {imgsz} x {imgsz} pixels{where}.
In onnxruntime run the files that `yolo-fine export` writes, of stock models too ([why](export.md#box-distances)).

{table}
"""
PLAIN = """
## Beside plain forms

How many times longer the same block takes when it is written down step by step (`python benchmarks/blocks.py`).

{table}
"""
BEFORE = """
## Before and after

The code before and after its steps were reordered, in turns, as CPU time (`python benchmarks/reordered.py`):
ratios to the same convolution, and to one another. The mathematics is the same: both reproduce the tensors of the
authors' code.

{table}

{notes}
"""
NOTES = """* EMA: of its 3x3 convolution only a mean and one weighed sum are needed, which come from sums; the norm goes
  into weights.
* DilatedContext: Mish by one exponential in inference. DilatedFusion: 1x1 convolutions in a row are one matrix in eval
  mode, and nothing is concatenated.
  What limits DilatedContext are four dilated convolutions of 32 channels, which are narrow for a CPU, and the concat.
* FINE in training: the gradient of bilinear upsampling by products of matrices.
* LDAAQU in training: the gradient of its bags by sparse products. What limits it is PyTorch: 36 cells are read and
  written for each of 6,400 places and two groups, which has to be sorted first, and two passes of grid sampling."""


def cost_page(folder: Path) -> str:
    """The page from the measurements that are there.

    Args:
        folder: ``docs/cost``.
    """
    found = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))}
    sections = [make(found, folder) for make in (blocks, models, plain, before)]
    versions = {one["settings"]["torch"] for one in found.values() if "torch" in one.get("settings", {})}
    shown = ", ".join(f"torch {version}" for version in sorted(versions)) or "torch"
    return PAGE.format(sections="".join(section for section in sections if section), versions=shown)


def blocks(found: dict[str, Measured], folder: Path) -> str:
    """The blocks, by falling ratio."""
    if "blocks" not in found:
        return ""
    measured = found["blocks"]["blocks"]
    rows = []
    for name in sorted(measured, key=lambda name: measured[name]["ratio"]):
        one = measured[name]
        cells = one["growth"]["cells"] if one["growth"] else None
        rows.append(
            {
                "block": f"`{name}`",
                "ratio": ratio_text(one),
                "training": ratio_text(found.get("training", {}).get("blocks", {}).get(name)),
                "onnxruntime": ratio_text(found.get("onnx", {}).get("blocks", {}).get(name)),
                "parameters": f"{one['parameters']:,}",
                "MMACs": f"{one['mmacs']:.0f}",
                "peak MiB": "" if one["peak_mb"] is None else f"{one['peak_mb']:.1f}",
                "grows with cells": "" if cells is None else f"{cells:.1f}" + " (quadratic)" * (cells >= QUADRATIC),
            }
        )
    picture = "\n![ratios against parameters](cost/blocks.png)\n" if (folder / "blocks.png").is_file() else ""
    ms, where = found["blocks"]["yardstick_ms"], processor_text(found["blocks"])
    return BLOCKS.format(table=Table(rows).to_markdown(), picture=picture, ms=ms, where=where, quadratic=QUADRATIC)


def models(found: dict[str, Measured], folder: Path) -> str:
    """The models, in torch and in onnxruntime."""
    if "models" not in found:
        return ""
    in_onnx = found.get("models_onnx", {}).get("models", {})
    rows = [
        {
            "model": f"`{name}`",
            "to": f"`{one['against']}`",
            "torch": ratio_text(one),
            "onnxruntime": ratio_text(in_onnx.get(name)),
            "parameters (M)": f"{one['parameters'] / 1e6:.2f}",
            "GMACs": f"{one['mmacs'] / 1e3:.2f}",
        }
        for name, one in found["models"]["models"].items()
        if one["against"]
    ]
    imgsz, where = found["models"]["settings"]["imgsz"], processor_text(found["models"])
    return MODELS.format(table=Table(rows).to_markdown(), imgsz=imgsz, where=where)


def plain(found: dict[str, Measured], folder: Path) -> str:
    """Blocks beside plain forms."""
    if "plain" not in found:
        return ""
    training = found.get("plain_training", {}).get("blocks", {})
    rows = [
        {
            "block": f"`{name}`",
            "plain to block": limits_text(one["plain_to_block"]),
            "in training": limits_text(training[name]["plain_to_block"]) if name in training else "",
        }
        for name, one in found["plain"]["blocks"].items()
    ]
    return PLAIN.format(table=Table(rows).to_markdown())


def before(found: dict[str, Measured], folder: Path) -> str:
    """What reordering has changed: ``reordered`` holds ratios of earlier and of today's code from one run."""
    if "reordered" not in found:
        return ""
    rows = [
        {
            "block": f"`{name}`",
            "": kind,
            "before": limits_text(one["before"]),
            "after": limits_text(one["after"]),
            "before to after": limits_text(one["before_to_after"]),
        }
        for kind in ("inference", "training")
        for name, one in found["reordered"][kind].items()
    ]
    return BEFORE.format(table=Table(rows).to_markdown(), notes=NOTES)


def processor_text(measured: Measured) -> str:
    """Where something was measured, as the end of a phrase; empty for older files, which do not say it."""
    where = measured["settings"].get("processor")
    return f", {where}" if where else ""


def ratio_text(one: Measured | None) -> str:
    """A ratio of a measurement, or that it can't be told from 1; empty for None."""
    if one is None:
        return ""
    return str(Ratio(one["ratio"], *one["ratio_limits"]))


def limits_text(one: Measured) -> str:
    """The same of a ratio that is written out."""
    return str(Ratio(**one))
