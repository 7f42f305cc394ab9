# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine start``: a look at a dataset, and what follows for input size, head, slices, model and weights.

Every piece of advice comes from a count on this dataset (``yolo-fine assign``) or from costs counted on the models
themselves; what the stock model is compared with also from what docs/study.md has seen beyond noise. Nothing here says
how accurate a model becomes: only a training does, and the last command compares.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from shlex import quote
from typing import Any

import numpy as np

from yolo_fine.assigning.advice import Advice
from yolo_fine.assigning.advise import advise
from yolo_fine.assigning.assign import assignment, read_sizes
from yolo_fine.assigning.count import input_boxes
from yolo_fine.assigning.result import Assignment, percent
from yolo_fine.data.check.check import check_dataset
from yolo_fine.errors import ArgumentError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.integration.model_names import SCALES
from yolo_fine.utils.calls import public
from yolo_fine.utils.paths import StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

FAMILIES = ("yolo11", "yolo26", "yolov8")


@dataclass(frozen=True, repr=False)
class Start(Result):
    """What a dataset holds, and what follows.

    Attributes:
        data: The dataset YAML.
        imgsz: Side of the network's input in pixels.
        images: Training images.
        objects: Training objects.
        image_size: Median width and height of the images in pixels.
        median_side: Median side of the objects at ``imgsz``, in pixels of the input.
        largest_side: The longest side of any object there.
        problems: What the check found wrong.
        assignment: What training can see, by size.
        advice: What follows, in order, each with reason and commands.
    """

    data: str
    imgsz: int
    images: int
    objects: int
    image_size: tuple[int, int]
    median_side: float
    largest_side: float
    problems: list[str]
    assignment: Assignment
    advice: list[Advice]

    @property
    def passed(self) -> bool:
        """Whether the check found no problem."""
        return not self.problems

    @property
    def commands(self) -> list[str]:
        """What to type, in order."""
        return [command for one in self.advice for command in one.commands]

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        own = {key: value for key, value in vars(self).items() if key not in ("assignment", "advice")}
        return {
            **own,
            "assignment": self.assignment.to_dict(),
            "advice": [vars(one) for one in self.advice],
            "commands": self.commands,
        }

    def summary(self) -> str:
        """What the set holds, and the advice in a line each."""
        return "\n".join([self._holds(), *(f"{one.topic}: {one.what}" for one in self.advice)])

    def table(self) -> list[Row]:
        """Objects by size at the input, and what training sees of them."""
        bins = [*(one for one in self.assignment.bins if one.objects), self.assignment.overall]
        return [
            {
                f"side at imgsz={self.imgsz}, px": one.name,
                "objects": f"{one.objects:,}",
                "%": percent(one.objects / max(self.objects, 1)),
                "no candidate %": percent(one.no_candidate),
                "contested %": percent(one.contested),
            }
            for one in bins
        ]

    def show(self) -> list[str | Table]:
        """The set, its sizes, the advice with reasons, and the commands."""
        parts: list[str | Table] = [self._holds(), ""]
        if self.problems:
            parts += [f"the check found problems; mend them first (yolo-fine data check {quote(self.data)}):"]
            parts += [f"  {problem}" for problem in self.problems] + [""]
        parts += [
            Table(
                self.table(),
                note="no candidate: no anchor lies in the object, so that it is never learnt from; "
                "contested: each of its anchors lies in another object too",
            ),
            "",
            Table([{"": one.topic, "what": one.what, "why": one.why} for one in self.advice], wraps="why"),
            "",
            "commands:",
            *(f"  {command}" for command in self.commands),
        ]
        return parts

    def _holds(self) -> str:
        width, height = self.image_size
        return (
            f"{self.data}: {self.images:,} training images, mostly {width} x {height}, {self.objects:,} objects; "
            f"at imgsz={self.imgsz} half of them are smaller than {self.median_side:.0f} px"
        )


@public
def start(
    data: StrPath, *, imgsz: int = 640, family: str = "yolo11", scale: str = "n", json: StrPath | None = None
) -> Start:
    """Check a dataset, and say what its objects' sizes ask for: input size, head, slices, model, weights, commands.

    The advice follows from counts: which objects have an anchor at this input size, how that changes with a larger
    input or a P2 level, and what each costs. It says nothing about accuracy, which only training shows.

    Args:
        data: Dataset YAML, as Ultralytics takes it.
        imgsz: Side of the network's input in pixels that you have in mind.
        family: ``yolo11``, ``yolo26`` or ``yolov8``.
        scale: Scale letter of the models: ``n``, ``s``, ``m``, ``l`` or ``x``.
        json: Write the result to this file too.

    Raises:
        DataError: The dataset can't be read or has no objects.
        ArgumentError: An argument is out of range.
    """
    read_sizes(imgsz)
    if family not in FAMILIES:
        raise ArgumentError(f"family={family} is none of {', '.join(FAMILIES)}")
    if len(scale) != 1 or scale not in SCALES:
        raise ArgumentError(f"scale={scale} is none of {', '.join(SCALES)}")
    name = os.fspath(data)
    check = check_dataset(name)
    truth = read_split(name, "train")
    stock = f"{family}{scale}.yaml"
    found = assignment(name, stock, imgsz=imgsz)
    assert isinstance(found, Assignment)
    boxes, _ = input_boxes(truth, imgsz)
    result = Start(
        data=name,
        imgsz=imgsz,
        images=len(truth.names),
        objects=len(boxes),
        image_size=_median_size(truth),
        median_side=float(np.median(np.sqrt(boxes[:, 2] * boxes[:, 3]))),
        largest_side=float(boxes[:, 2:].max()),
        problems=[finding.what for finding in check.findings if finding.problem],
        assignment=found,
        advice=advise(name, truth, found, family, scale),
    )
    if json is not None:
        result.to_json(json)
    return result


def _median_size(truth: GroundTruth) -> tuple[int, int]:
    """The size of the image in the middle, by area."""
    order = np.argsort(truth.sizes.prod(axis=1), kind="stable")
    width, height = truth.sizes[order[len(order) // 2]].tolist()
    return width, height
