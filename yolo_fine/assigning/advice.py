# SPDX-License-Identifier: AGPL-3.0-or-later
"""Each piece of advice with its reason and the figure behind it; :mod:`.advise` decides which are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from yolo_fine.assigning.count import input_boxes
from yolo_fine.assigning.result import Assignment, Cure
from yolo_fine.composer.compose import compose
from yolo_fine.costs.model_costs import measure_at
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.integration.models import build_detection_network
from yolo_fine.integration.transfer.weights import transfer

UNSEEN, CONTESTED = 0.001, 0.1
OVERLAP = 0.2  # of slices
REDUCED = 1.5  # images this much larger than the input lose sizes that slices keep
TINY = 8.0  # pixels: the stride of P3, below which an object lies within one cell
SMALL = 32.0  # pixels: COCO's small objects
BEST = "runs/detect/train/weights/best.pt"
FINE_LEVELS, ALL_LEVELS = "p2,p3,p4", "p2,p3,p4,p5"
P4_REACH = 480  # pixels: a box of P4 reaches 15 strides of 16 to each side


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Attributes:
        topic: ``input``, ``head``, ``model``, ``weights``, ``slices``, ``comparison``.
        what: What to do.
        why: The reason, with its figures.
        figures: The same figures as numbers.
        commands: What to type.
    """

    topic: str
    what: str
    why: str
    figures: dict[str, Any] = field(default_factory=dict)
    commands: tuple[str, ...] = ()


def input_and_head(found: Assignment, cure: Cure | None) -> Advice:
    """Input size and levels."""
    overall = found.overall
    now = f"{overall.no_candidate:.2%} of the objects have no candidate, {overall.contested:.1%} are contested"
    figures = {"no_candidate": found.overall.no_candidate, "contested": found.overall.contested}
    if cure is None:
        limits = f"under the limits of {UNSEEN:.1%} and {CONTESTED:.0%}"
        return Advice("input", f"imgsz={found.imgsz}, the stock levels", f"{now}: {limits}", figures)
    others = "; ".join(
        f"{one.what}: {one.no_candidate:.2%} and {one.contested:.1%}{_times(one.cost)}" for one in found.cures
    )
    enough = cure.no_candidate < UNSEEN and cure.contested < CONTESTED
    which = "the cheapest that brings both under their limits" if enough else "none suffices; this one does most"
    what = f"imgsz={found.imgsz} with a P2 level" if cure.what.startswith("head=") else cure.what
    return Advice(
        "input",
        what,
        f"{now}. {others}. {which[0].upper()}{which[1:]}",
        figures | {"cures": list(map(vars, found.cures))},
    )


def with_p5(base: str, model: str, largest: float) -> Advice:
    """P2 comes beside all other levels, because objects are too large for P4."""
    return Advice(
        "head",
        f"head={ALL_LEVELS}",
        f"the longest side of an object is {largest:.0f} px at the input, and boxes of P4 reach {P4_REACH}: P5 stays",
        {"largest_side": largest},
        (f"yolo-fine compose {base} head={ALL_LEVELS} out={model}",),
    )


def without_p5(base: str, imgsz: int, largest: float) -> Advice:
    """P5 goes where P2 comes, and what that saves."""
    sizes = []
    with TemporaryDirectory() as folder:
        for head in (ALL_LEVELS, FINE_LEVELS):
            file = Path(folder) / f"{base}-{head.replace(',', '')}.yaml"
            compose(base, head=head, out=file)
            network = build_detection_network(str(file))
            sizes.append((_parameters(network), measure_at(network, imgsz)))
    (all_parameters, all_gflops), (parameters, gflops) = sizes
    return Advice(
        "head",
        f"head={FINE_LEVELS}",
        f"the longest side of an object is {largest:.0f} px at the input, and boxes of P4 reach {P4_REACH}; without P5 "
        f"{parameters / 1e6:.2f} M parameters and {gflops:.1f} GFLOPs instead of {all_parameters / 1e6:.2f} and "
        f"{all_gflops:.1f}",
        {"largest_side": largest, "parameters": parameters, "gflops": gflops},
    )


def on_slices(data: str, truth: GroundTruth, imgsz: int) -> Advice | None:
    """Whether slices keep sizes that the input size loses; None where images are not much larger than the input."""
    longest = float(np.median(truth.sizes.max(axis=1)))
    if longest < REDUCED * imgsz:
        return None
    boxes, _ = input_boxes(truth, imgsz)
    sides = np.sqrt(boxes[:, 2] * boxes[:, 3])
    kept = truth.boxes[(truth.boxes[:, 2:] > 0).all(axis=1)]
    original = np.sqrt(kept[:, 2] * kept[:, 3])
    tiny, tiny_sliced = float((sides < TINY).mean()), float((original < TINY).mean())
    width, height = np.median(truth.sizes, axis=0)
    count = _slices(width, imgsz) * _slices(height, imgsz)
    figures = {"tiny": tiny, "tiny_on_slices": tiny_sliced, "slices": count}
    why = (
        f"images are {longest / imgsz:.1f} times as long as the input: {tiny:.1%} of the objects are under {TINY:g} px "
        f"at imgsz={imgsz}, {tiny_sliced:.1%} on slices of {imgsz}, which cost {count + 1} predictions an image"
    )
    if tiny - tiny_sliced < UNSEEN:
        return Advice("slices", "not needed", why, figures)
    commands = (
        f"yolo-fine data slice {quote(data)} out={quote(f'{Path(data).stem}-slices')} size={imgsz}",
        f"yolo-fine eval {BEST} {quote(data)} slice={imgsz} whole=True",
    )
    what = f"train and predict on slices of {imgsz} px, and compare with whole images"
    return Advice("slices", what, why, figures, commands)


def stock_model(base: str, rival: str, network: Any, imgsz: int) -> Advice:
    """The stock model, and what the one that it is compared with costs."""
    parameters, gflops = _parameters(network), measure_at(network, imgsz)
    ratio = measure_at(build_detection_network(rival), imgsz) / gflops
    if rival == f"{base}-small.yaml":
        reason = (
            f"half of the objects are under {SMALL:g} px, and {rival} detects at {FINE_LEVELS}, at {ratio:.2f} times "
            "the GFLOPs; in docs/study.md yolo11n-small.yaml found 5.5 points more of such objects and had 0.5 points "
            "more of AP_small, beyond noise, on hit_uav_small"
        )
    else:
        reason = (
            f"in docs/study.md no block has shown a gain beyond noise. {rival} starts as this model, to the bit, and "
            f"takes {ratio:.2f} times its GFLOPs"
        )
    why = (
        f"{parameters / 1e6:.2f} M parameters and {gflops:.1f} GFLOPs at imgsz={imgsz}; {reason}: what it gives on "
        "your data is what the comparison shows"
    )
    figures = {"parameters": parameters, "gflops": gflops, "gflops_ratio": 1.0, "gflops_ratio_rival": ratio}
    return Advice("model", f"{base}.yaml", why, figures)


def finer_levels(base: str, model: str, network: Any, imgsz: int) -> Advice:
    """The model with a P2 level, and what it costs."""
    parameters, gflops = _parameters(network), measure_at(network, imgsz)
    ratio = gflops / measure_at(build_detection_network(f"{base}.yaml"), imgsz)
    packaged = Path(model).stem == f"{base}-small"
    kind = f"the packaged model that detects at {FINE_LEVELS}" if packaged else "what compose makes"
    why = (
        f"{kind}; {parameters / 1e6:.2f} M parameters and {gflops:.1f} GFLOPs at imgsz={imgsz}, {ratio:.2f} times "
        f"those of {base}.yaml"
    )
    return Advice("model", model, why, {"parameters": parameters, "gflops": gflops, "gflops_ratio": ratio})


def weights(data: str, base: str, model: str, network: Any, imgsz: int) -> Advice:
    """Which weights to start from, and how many find a place."""
    report = transfer(network, build_detection_network(f"{base}.yaml"), verbose=False)
    why = (
        f"{report.transferred} of the {report.total} tensors of the COCO weights find their layer in {model}; the "
        "class head starts anew for your classes"
    )
    start = f"model={base}.pt" if model == f"{base}.yaml" else f"model={model} pretrained={base}.pt"
    command = f"yolo-fine train {start} data={quote(data)} imgsz={imgsz}"
    return Advice("weights", f"{base}.pt", why, {"tensors": report.transferred, "of": report.total}, (command,))


def comparison(models: list[str], common: str, commands: tuple[str, ...]) -> Advice:
    """How to find out whether it is worth it.

    Args:
        models: What to compare, the stock model first.
        common: Arguments of all runs.
        commands: What comes before.
    """
    return Advice(
        "comparison",
        "the stock model and a larger input, on equal data",
        "how much a model gains on a dataset is not known before; three seeds show what is beyond noise. A larger "
        "input is the rival of every block: in docs/study.md it is what moved AP_small",
        commands=(*commands, f"yolo-fine ablate models={','.join(models)} {common} seeds=3"),
    )


def _slices(length: float, size: int) -> int:
    """How many overlapping slices cover a side."""
    return 1 if length <= size else 1 + ceil((length - size) / (size * (1 - OVERLAP)))


def _parameters(network: Any) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _times(cost: float | None) -> str:
    return "" if cost is None else f" at {cost:.2f} times the GFLOPs"
