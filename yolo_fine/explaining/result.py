# SPDX-License-Identifier: AGPL-3.0-or-later
"""What ``explain`` returns: detections, what each block showed, and where the pictures are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

PAGE, RECORD = "explain.html", "explain.json"  # files of a result folder


@dataclass(frozen=True)
class Detected:
    """What one model found.

    Attributes:
        model: Its name.
        boxes: One a detection, best first: ``box`` (left, top, right, bottom in pixels of the image), ``score``,
            ``class``, ``small`` and, beside another model, ``alone``: whether the other one has no such box.
        small: How many are small.
        alone: How many the other model has not; None without another model.
        picture: File name of the picture, None where none was written.
    """

    model: str
    boxes: list[dict[str, Any]]
    small: int
    alone: int | None = None
    picture: str | None = None


@dataclass(frozen=True)
class Shown:
    """One thing that a block showed.

    Attributes:
        layer: Index of the block's row in the model YAML.
        place: The module's name in the network.
        block: The block's name.
        view: What is shown.
        cells: What it has numbers for, in words: ``40 x 24 cells``, ``64 channels``.
        low: Lowest number (of cells on the image; their padding is left out), or of channels or maps.
        mean: Mean of these.
        high: Highest.
        neutral: The number at which nothing is done, or None.
        gain: Mean magnitude of the gain that the block's work is blended in by, or None.
        picture: File name of the picture, None where none was written.
    """

    layer: int
    place: str
    block: str
    view: str
    cells: str
    low: float
    mean: float
    high: float
    neutral: float | None = None
    gain: float | None = None
    picture: str | None = None


@dataclass(repr=False)
class Explanation(Result):
    """What a model and its blocks did on one image.

    Attributes:
        image: The image's file.
        size: Its width and height in pixels.
        imgsz: The longer side of the network's input.
        input: Height and width of that input, with its padding.
        small_side: Up to which side (square root of the area, in pixels of the image) an object is small.
        models: What each model found: one, or two with ``compare``.
        blocks: What the blocks of the first model showed.
        activation: File names of the class activation of each map that its head reads, finest first.
        folder: Where the pictures and ``explain.html`` are; None if no folder was asked for.
    """

    image: str
    size: tuple[int, int]
    imgsz: int
    input: tuple[int, int]
    small_side: float
    models: list[Detected]
    blocks: list[Shown]
    activation: list[str] = field(default_factory=list)
    folder: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures themselves, which lie beside ``explain.json``."""
        content = asdict(self)
        del content["folder"]
        return content

    def summary(self) -> str:
        """What was found, by which model, and where the page is."""
        lines = [self.said()]
        if not self.blocks:
            lines.append("The model has no blocks of this package: only detections and class activation are shown.")
        if self.folder is not None:
            lines.append(f"written: {self.folder / PAGE} and its pictures")
        return "\n".join(lines)

    def said(self) -> str:
        """The detections in a sentence a model."""
        sentences = []
        for label, found in zip(self.labels(), self.models, strict=True):
            count = len(found.boxes)
            text = f"{label} found {count} object{'s' * (count != 1)}, {found.small} of them small"
            text += f" (up to {self.small_side:g} px)"
            if found.alone is not None:
                text += f"; {found.alone} that the other model has not"
            sentences.append(text + ".")
        return " ".join(sentences)

    def labels(self) -> list[str]:
        """What to call each model: its file's name, with as much of the path as tells two apart."""
        paths = [Path(one.model).parts for one in self.models]
        for length in range(1, max(map(len, paths)) + 1):
            labels = ["/".join(parts[-length:]) for parts in paths]
            if len(set(labels)) == len(labels):
                return labels
        return [Path(one.model).name for one in self.models]

    def table(self) -> Sequence[Row]:
        """What each block showed, in numbers."""
        return [
            {
                "layer": one.layer,
                "block": one.block,
                "shows": one.view,
                "of": one.cells,
                "low": one.low,
                "mean": one.mean,
                "high": one.high,
                "gain": one.gain,
            }
            for one in self.blocks
        ]

    def show(self) -> list[str | Table]:
        """The numbers of the blocks, and where the page is."""
        return [*([Table(self.table())] if self.blocks else []), self.summary()]
