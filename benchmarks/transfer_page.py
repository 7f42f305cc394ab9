# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page of documentation about transfer, made from the metrics of ``transfer.py`` and ``first_steps.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yolo_fine.utils.files import write_text

PAGE = """# Pretrained weights

Stock Ultralytics matches pretrained tensors by layer number, so everything behind an inserted row starts untrained.
With yolo_fine, layers are paired in order so that the most parameters find a place of their shape
(`yolo_fine/integration/transfer/pairing.py`), the branches of the head by stride, and one line says what arrived:

```text
yolo_fine: {line}
```

Another number of classes is no loss: the class head starts anew, and the line counts the tensors that could arrive.
Classes that both models name alike are taken over where Ultralytics does that (8.4.190), and the line adds how many:

```text
yolo_fine: 493/493 pretrained tensors, 2.6 M parameters (FINE at 11, 15 new); class head 80 -> 10 classes starts anew
```

A stem for images of other bands takes what it can of the pretrained kernel, and the report says `3 of 4 bands`.

That holds for `pretrained=`, `YOLO("my.yaml").load("yolo11n.pt")` and `model=checkpoint.pt`. What did not arrive is
listed below the line, by layer and with the reason; below 95 % it is a warning. Where no block of ours is involved,
stock Ultralytics loads as it always does. The same as data:

```python
from yolo_fine import transfer_report

report = transfer_report(model)  # a YOLO object or its network: report.transferred, .total, .new, .not_transferred
```

`yolo-fine seed model=my.yaml weights=yolo26n.pt` writes a checkpoint that plain `yolo train model=my-seed.pt` starts
from, also where the start-up file is off.

## Before and after

{weights}.

Tensors: how many arrived, with stock transfer and with yolo_fine; in brackets those that arrived in the layer they come
from (numbers alone also put tensors of one shape into the wrong layer). Difference: the largest one between all raw
outputs of the new model and of the pretrained one (boxes are in pixels), float32, eval mode, one seeded image,
before / after `fuse()`.

{table}

The last rows are composed on the spot: DySample without its gain starts near bilinear upsampling, where the stock
models take the nearest cell. Every tensor arrives, but the outputs differ; with `gain: 0.0`, as in `-dysample`, they
do not.

In the `-aff` models AFF stands where Concat stood and hands on fewer channels. The first convolution of each layer
behind it reads those alone, has another shape than the pretrained one, and starts untrained; AFF itself is no identity.
So the outputs differ before any training.

## What a P2 head changes

{p2}

## Other scales

{scales}

## The first steps of training

{steps}

Made by `{command}` with torch {torch}, Ultralytics {ultralytics}.
"""

P2 = """The `-small` models detect at P2 to P4. Their outputs have other shapes than the stock model's, so the table has
no difference for them; but at P3 and P4 they start equal to the stock model's, to the bit: the level at stride 4
stands beside the others, which do not read it ([levels.md](levels.md)). The bottom-up step to P5 and its branch have
no place. What starts untrained are the rows and the branch at stride 4.

In Ultralytics' own -p2 YAMLs, and in what `head=p2` makes, the P3 map goes on to P2 and comes back through new layers
(a strided convolution and a stage of its own), and P4 is computed from what comes back: all tensors that have a place
arrive, each branch of the head in the place of its stride, but old branches read maps that start anew."""


SCALES = """Counted at {letters} for all packaged models with 80 classes: everything arrives, and no layer changes its
width, in {whole} of {count}. The others are of two sorts. Behind AFF a convolution reads fewer channels and starts
untrained, as at scale n. And the `-small` models have no place for P5; their other branches are as wide as the
stock model's. In a P2 head without the key `p2_branch` (`head=p2`) Ultralytics makes them narrower above scale n:
box branches of another width start untrained, and class branches take the pretrained width, so that the model is
larger than its YAML says; the log and the report say so.

| model | tensors | class branches | parameters (M) | GFLOPs | what is left out |
|---|---|---|---|---|---|
{table}"""

STEPS = """{model} from {weights} on `data=smallobjects.yaml` at {imgsz} px, batch {batch}, {optimizer} at {lr0}, no
warm-up, no mosaic, one seed. The {steps} batches of the runs {same} the same to the byte (SHA-256). mAP is of
Ultralytics' validator, on the moving average of the weights. One run each: this shows the start, and does not compare
final accuracies.

![Loss and mAP50 of the first steps](first_steps.png)

| transfer | tensors | loss: step 1 | mean of the last 25 | mAP50: before step 1 | step {half} | step {steps} |
|---|---|---|---|---|---|---|
{table}

Made by `{command}` in {seconds} s on the CPU."""


def write_page(file: Path, result: dict[str, Any]) -> None:
    """Write the page; the curves are taken from ``first_steps.json`` beside it."""
    names = ", ".join(result["weights"] or [])
    weights = (
        f"Weights: {names}" if names else "Weights: stock models with seeded random tensors (the counts are equal)"
    )
    steps = file.with_name("first_steps.json")
    text = PAGE.format(
        line=next(row["line"] for row in result["rows"] if row["model"] == "yolo11n-fine.yaml"),
        weights=weights,
        table=table(result["rows"]),
        p2=P2,
        scales=scales(result["scales"]),
        steps=first_steps(json.loads(steps.read_text())) if steps.is_file() else "Not measured.",
        command=result["command"],
        **result["versions"],
    )
    write_text(file, text)


def table(rows: list[dict[str, Any]]) -> str:
    """The models as a Markdown table."""
    lines = [
        "| model | tensors: stock | yolo_fine | parameters (M): stock | yolo_fine | difference: stock | yolo_fine |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        stock, ours = row["stock"], row["ours"]
        gaps = [f"{shown(way['difference'])} / {shown(way['difference_fused'])}" for way in (stock, ours)]
        lines.append(
            f"| {row['model']} | {stock['tensors']} ({stock['in_place']}) | {ours['tensors']} of {row['total']} "
            f"| {stock['parameters'] / 1e6:.2f} | {ours['parameters'] / 1e6:.2f} | {gaps[0]} | {gaps[1]} |"
        )
    return "\n".join(lines)


def shown(difference: float | None) -> str:
    """A difference for the table."""
    return "other shapes" if difference is None else f"{difference:.3g}"


def scales(found: list[dict[str, Any]]) -> str:
    """Where not everything arrives at other scales, or where the head becomes wider than its YAML says."""
    if not found:
        return "Not counted."
    letters = sorted({row["model"].partition("-")[0][-1] for row in found}, key="nsmlx".index)
    unlike = [row for row in found if row["transferred"] < row["total"] or row["widened"]]
    lines = []
    for row in unlike:
        width = "{} -> {} channels".format(*row["widened"]) if row["widened"] else "as in the YAML"
        before, after = row["cost"]
        left_out = f"{', '.join(row['left_out'])}: {row['reason']}, ..." if row["left_out"] else "nothing"
        lines.append(
            f"| {row['model']} | {row['transferred']} of {row['total']} | {width} "
            f"| {before[0] / 1e6:.2f} -> {after[0] / 1e6:.2f} | {before[1]:.1f} -> {after[1]:.1f} | {left_out} |"
        )
    return SCALES.format(
        letters=", ".join(letters), whole=len(found) - len(unlike), count=len(found), table="\n".join(lines)
    )


def first_steps(result: dict[str, Any]) -> str:
    """The curves, and their ends in metrics."""
    steps = result["steps"]
    lines = []
    for run in result["runs"].values():
        loss, score = run["loss"], {int(step): values["mAP50"] for step, values in run["scores"].items()}
        lines.append(
            f"| {run['label']} | {run['tensors']} | {loss[0]:.2f} | {sum(loss[-25:]) / 25:.2f} "
            f"| {score[0]:.3f} | {score[steps // 2]:.3f} | {score[steps]:.3f} |"
        )
    same = "are" if result["same_batches"] else "ARE NOT"
    seconds = sum(run["seconds"] for run in result["runs"].values())
    settings = {key: result["settings"][key] for key in ("batch", "optimizer", "lr0")}
    shown_there = {key: result[key] for key in ("model", "weights", "imgsz", "command")}
    return STEPS.format(
        **settings, **shown_there, steps=steps, half=steps // 2, same=same, seconds=seconds, table="\n".join(lines)
    )
