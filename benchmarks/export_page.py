# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page of documentation about exports, made from the metrics of ``export.py``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from yolo_fine.utils.files import write_text

Metrics = dict[str, Any]

PAGE = """# Exports in figures

Every packaged model at scale n, filled with pretrained weights, its gains randomised (at init most blocks change
nothing, and a wrong export would pass), exported and compared with PyTorch by `yolo_fine.exporter`:
[export.md](export.md).
Made by `python benchmarks/export.py`; {versions}.
"""

EQUAL = """
## ONNX equals PyTorch

float32, {imgsz} x {imgsz} pixels, two real images; dynamic files also at a size that is not square, a larger one and
a batch of 2. Error: the largest relative error of a raw output. Boxes: how many PyTorch finds at confidence 0.25 over
all images and shapes; where the verdict is `equal`, the file finds the same. "Not simplified" is dynamic too.

| model | static | error | dynamic | error | not simplified | error | boxes |
|---|---|---|---|---|---|---|---|
{rows}
"""

NODES = """
## Operators

After onnxslim; in brackets the ratio to the stock model of the family. {control_flow}

| model | static | dynamic | most of what is added (static) |
|---|---|---|---|
{rows}

Static files have no size arithmetic left: what is added are the block's own steps. `-carafe` and `-dcdc` hold one
shifted view, product and sum for each place of their windows. `-dysample` and `-ldaaqu` gather cells by
integer indices; GridSample would take fewer operators, but longer in onnxruntime (DySample: several times), and its
coordinates lose precision in float16.
"""

RUNTIMES = """
## Other runtimes

TorchScript by torch.jit and OpenVINO on the CPU, float32, {imgsz} x {imgsz} pixels.

| model | TorchScript | error | OpenVINO | error |
|---|---|---|---|---|
{rows}
"""

HALF = """
## float16 at 1280 x 1280 pixels

`half=True` on a CPU: Ultralytics exports in float32 and has onnxruntime's converter turn the operators into float16,
whatever the model casts. What rounds most are the boxes of the stock head, whose coordinates near 1280 are half a
pixel apart or more; the blocks add nothing to speak of. Their positions are whole numbers of cells, which lose
nothing, and remainders within a cell. One block alone is within 0.005 of its largest output:
`tests/blocks/test_half_precision.py`. Boxes agree at an IoU of 0.99 and a confidence within 0.001, which float16
misses where it rounds; with no box to compare, nothing is proven.

| model | verdict | boxes, mean error (pixels) | scores, largest error | boxes found | agree |
|---|---|---|---|---|---|
{rows}
"""

LATENCY = """
## Latency in onnxruntime

Static ONNX, float32, 640 x 640 pixels, batch 1, {threads} CPU threads, onnxruntime's own settings. Each model runs in
turn with the stock model of its family, {pairs} times; of three runs in a row the shortest counts. Ratio: median over
the pairs of model / stock, its standard error, and quartiles. The machine's load was {load} on {cores} cores of
{processor}.

| model | ms | stock | ratio | error | quartiles |
|---|---|---|---|---|---|
{rows}
"""

ACCURACY = """
## AP of float16 ONNX and int8 OpenVINO

COCO AP on whole images at 640 pixels, file minus PyTorch. coco8 with the pretrained weights, the others after a short
training on them. Measured, not promised: int8 depends on the images that it is calibrated with, here those of the
data set itself.

| model and data | images | PyTorch AP | fp16 ONNX | int8 OpenVINO |
|---|---|---|---|---|
{rows}
"""

TABLES = ("equal", "runtimes", "half", "latency", "accuracy")  # parts with a row for each model
CONTROL_FLOW = {"Loop", "If", "Scan", "SequenceAt", "SequenceInsert", "SequenceConstruct"}


def write_page(file: Path, metrics: Metrics) -> None:
    """Write the page; parts that were not measured are left out."""
    versions = ", ".join(f"{name} {version}" for name, version in metrics["versions"].items())
    metrics = {
        part: dict(sorted(models.items(), key=lambda item: stem(item[0]))) if part in TABLES else models
        for part, models in metrics.items()
    }
    parts = [PAGE.format(versions=versions)]
    imgsz = metrics["imgsz"]
    if "equal" in metrics:
        parts.append(EQUAL.format(imgsz=imgsz, rows=equal_rows(metrics["equal"])))
        parts.append(node_table(metrics["equal"]))
    if "runtimes" in metrics:
        parts.append(RUNTIMES.format(imgsz=imgsz, rows=verdict_rows(metrics["runtimes"], ("torchscript", "openvino"))))
    if "half" in metrics:
        parts.append(HALF.format(rows=half_rows(metrics["half"])))
    if "latency" in metrics:
        parts.append(latency_table(metrics["latency"]))
    if "accuracy" in metrics:
        parts.append(ACCURACY.format(rows=accuracy_rows(metrics["accuracy"])))
    write_text(file, "".join(parts))


def equal_rows(models: Metrics) -> str:
    """One line a model: verdicts, errors, and the boxes of the dynamic file."""
    lines = verdict_rows(models, ("static", "dynamic", "not simplified")).splitlines()
    return "\n".join(
        f"{line} {metric(files['dynamic'].get('boxes'))} |" for line, files in zip(lines, models.values(), strict=True)
    )


def verdict_rows(models: Metrics, labels: tuple[str, ...]) -> str:
    """Verdict and largest relative error of each file."""
    lines = []
    for name, files in models.items():
        cells = [f"{files[label]['verdict']} | {metric(files[label].get('max_rel_err'), '.1e')}" for label in labels]
        lines.append(f"| {stem(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def node_table(models: Metrics) -> str:
    """Operators of every model beside its stock sibling."""
    lines, flow = [], set()
    for name, files in models.items():
        stock = models.get(f"{family(name)}.yaml")
        flow |= CONTROL_FLOW & {operator for entry in files.values() for operator in entry.get("operators", {})}
        if stock is None:
            continue
        cells = []
        for label in ("static", "dynamic"):
            ours, theirs = files[label]["nodes"], stock[label]["nodes"]
            cells.append(f"{ours} ({ours / theirs:.2f})")
        before = stock["static"]["operators"]
        added = {op: count - before.get(op, 0) for op, count in files["static"]["operators"].items()}
        most = sorted(((count, op) for op, count in added.items() if count > 0), reverse=True)[:5]
        lines.append(f"| {stem(name)} | {' | '.join(cells)} | {', '.join(f'{count} {op}' for count, op in most)} |")
    said = f"Control flow: {', '.join(sorted(flow))}." if flow else "No file has a Loop, an If, a Scan or a sequence."
    return NODES.format(rows="\n".join(lines), control_flow=said)


def half_rows(models: Metrics) -> str:
    """Errors of the raw outputs by group, and of the final boxes."""
    lines = []
    for name, entry in models.items():
        boxes, scores = entry["groups"].get("boxes", {}), entry["groups"].get("scores", {})
        lines.append(
            f"| {stem(name)} | {entry['verdict']} | {metric(boxes.get('mean_abs_err'), '.3f')} "
            f"| {metric(scores.get('max_abs_err'), '.4f')} | {entry['boxes']} | {entry['matched']} |"
        )
    return "\n".join(lines)


def latency_table(models: Metrics) -> str:
    """Milliseconds and ratios to the stock model."""
    lines = [
        f"| {stem(name)} | {entry['median']:.0f} | {entry['stock']:.0f} | {entry['ratio']:.3f} | {entry['error']:.3f} "
        f"| {entry['spread'][0]:.3f} to {entry['spread'][1]:.3f} |"
        for name, entry in models.items()
    ]
    loads = [entry["load"] for entry in models.values()]
    first = next(iter(models.values()))
    return LATENCY.format(
        rows="\n".join(lines), threads=first["threads"], pairs=first["pairs"], cores=first["cores"],
        processor=first["processor"], load=f"{min(loads):.1f} to {max(loads):.1f}",
    )  # fmt: skip


def accuracy_rows(models: Metrics) -> str:
    """AP of PyTorch and the differences of both files."""
    lines = []
    for name, files in models.items():
        half, whole = (files[label].get("accuracy") or {} for label in ("fp16 ONNX", "int8 OpenVINO"))
        known = half or whole
        lines.append(
            f"| {name} | {metric(known.get('images'))} | {metric((known.get('torch') or {}).get('AP'), '.4f')} "
            f"| {metric((half.get('difference') or {}).get('AP'), '+.4f')} "
            f"| {metric((whole.get('difference') or {}).get('AP'), '+.4f')} |"
        )
    return "\n".join(lines)


def metric(value: Any, form: str = "") -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


def stem(name: str) -> str:
    """``yolo11n-fine.yaml`` -> ``yolo11n-fine``."""
    return name.removesuffix(".yaml")


def family(name: str) -> str:
    """``yolo11n-fine.yaml`` -> ``yolo11n``: the stock model."""
    return re.match(r"yolov?\d+n", name).group()  # type: ignore[union-attr]
