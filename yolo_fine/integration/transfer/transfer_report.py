# SPDX-License-Identifier: AGPL-3.0-or-later
"""What arrived when pretrained weights were loaded, as data and in words."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from yolo_fine.integration import log
from yolo_fine.utils.results import Result

LOUD_BELOW = 0.95  # of the tensors
FILLED_BY_INTENT = 0.6  # of a model that has fewer levels or paths than the pretrained one, and is else the same
NO_LAYER = "no layer of its kind left in the new model"
NO_BRANCH = "no branch of its stride in the new head"
SHOWN_LINES = 10


@dataclass(frozen=True)
class NewLayer:
    """A layer of the new model, or a part of one, that has no partner: ``module`` is ``FINE`` or ``part of Detect``."""

    layer: int
    module: str
    tensors: int


@dataclass(frozen=True)
class LostTensor:
    """A pretrained tensor that found no place.

    Attributes:
        layer: Layer in the pretrained model.
        target: Its partner in the new model, if it has one.
        module: Class of the pretrained layer.
        tensor: Name of the tensor within the layer.
        reason: ``shape (64, 256, 1, 1) vs (64, 384, 1, 1)``, for example.
    """

    layer: int
    target: int | None
    module: str
    tensor: str
    reason: str


@dataclass(frozen=True)
class BoxPrior:
    """Box branches with a prior: strides of their levels, and how many strides their boxes reach to each side."""

    levels: tuple[int, ...]
    mean: float


@dataclass(frozen=True, repr=False)
class TransferReport(Result):
    """What a load carried over.

    Attributes:
        transferred: Pretrained tensors that arrived, each in the layer that it comes from.
        total: Pretrained tensors that could arrive: all but those of a class head of another number of classes.
        parameters: Parameters in those that arrived (running statistics not counted).
        new: Layers of the new model that hold nothing pretrained, or parts of them.
        not_transferred: The tensors that did not arrive.
        partial: Those of the transferred tensors of which a part arrived: a kernel for images of other bands.
        classes: Numbers of classes (pretrained, new) where they differ.
        class_tensors: Tensors of the class head that start anew because of that.
        classes_by_name: Classes that took over the pretrained values of the class of their name all the same.
        widened: Hidden width of the class branches before and after the load, where stock replaced them by branches as
            wide as the pretrained ones.
        added_parameters: Parameters that this added to what the YAML asks for.
        box_prior: The new box branches that start with boxes of a useful size, if there are any.
    """

    transferred: int
    total: int
    parameters: int
    new: tuple[NewLayer, ...]
    not_transferred: tuple[LostTensor, ...]
    partial: tuple[LostTensor, ...] = ()
    classes: tuple[int, int] | None = None
    class_tensors: int = 0
    classes_by_name: int = 0
    widened: tuple[int, int] | None = None
    added_parameters: int = 0
    box_prior: BoxPrior | None = None

    @property
    def fraction(self) -> float:
        """Share of the pretrained tensors that arrived."""
        return self.transferred / self.total if self.total else 1.0

    @property
    def is_low(self) -> bool:
        """Whether less than 95 % arrived of those that have a place: levels and paths that were left out have none."""
        expected = self.total - self._left_out
        return bool(expected) and self.transferred / expected < LOUD_BELOW

    @property
    def _left_out(self) -> int:
        """Tensors of levels that the new head does not read, and of rows that are missing with none in their place."""
        reasons = Counter(lost.reason for lost in self.not_transferred)
        new = sum(layer.tensors for layer in self.new)
        is_meant = reasons[NO_BRANCH] or not new
        filled = self.transferred / max(self.transferred + new, 1)
        return reasons[NO_BRANCH] + (reasons[NO_LAYER] if is_meant and filled >= FILLED_BY_INTENT else 0)

    @property
    def warning(self) -> str:
        """What to say, and what to do, when little arrived; else empty."""
        if not self.is_low:
            return ""
        layers = Counter((lost.module, lost.layer) for lost in self.not_transferred)
        (module, layer), count = layers.most_common(1)[0]
        return (
            f"ONLY {self.fraction:.1%} OF THE PRETRAINED TENSORS ARRIVED ({self.transferred} of {self.total}); the "
            f"rest starts untrained. Most of the others are from {module} at {layer}: {count}. Take weights of the "
            "model's family and scale (yolo11n.pt for yolo11n-fine.yaml); if these are, that is how much it differs"
        )

    @property
    def line(self) -> str:
        """``493/493 pretrained tensors, 2.6 M parameters (EMA at 17 new); class head 80 -> 9 classes starts anew``."""
        kinds: dict[str, list[str]] = {}
        for new in self.new:
            if new.tensors:
                kinds.setdefault(new.module, []).append(str(new.layer))
        listed = ", ".join(f"{module} at {', '.join(layers)}" for module, layers in kinds.items())
        amount = f"{self.parameters / 1e6:.1f} M" if self.parameters >= 1e5 else f"{self.parameters / 1e3:.1f} k"
        line = f"{self.transferred}/{self.total} pretrained tensors, {amount} parameters"
        line += f" ({listed} new)" if listed else ""
        if self.classes:
            line += f"; class head {self.classes[0]} -> {self.classes[1]} classes starts anew"
        line += f", but for {self.classes_by_name} taken over by name" if self.classes_by_name else ""
        if self.box_prior:
            strides = ", ".join(str(stride) for stride in self.box_prior.levels)
            line += f"; box prior of {self.box_prior.mean:g} strides at stride {strides}"
        return line

    def lost_lines(self) -> list[str]:
        """What did not arrive, or in part, a line for each layer and reason."""
        groups: dict[tuple[int, int | None, str, str], list[str]] = {}
        for lost in (*self.partial, *self.not_transferred):
            groups.setdefault((lost.layer, lost.target, lost.module, lost.reason), []).append(lost.tensor)
        lines = []
        for (layer, target, module, reason), tensors in groups.items():
            place = "" if target is None else f" -> {target}"
            which = tensors[0] if len(tensors) == 1 else f"{len(tensors)} tensors"
            lines.append(f"layer {layer}{place} {module}, {which}: {reason}")
        if len(lines) <= SHOWN_LINES:
            return lines
        return [*lines[:SHOWN_LINES], f"... and {len(lines) - SHOWN_LINES} more"]

    def details(self) -> list[str]:
        """What the line leaves out."""
        if not self.widened:
            return self.lost_lines()
        before, after = self.widened
        change = f"{self.added_parameters / 1e6:+.2f} M parameters"
        return [f"class branches {after} channels wide as pretrained, not {before}: {change}", *self.lost_lines()]

    def summary(self) -> str:
        """The line, and the warning if there is one."""
        return f"{self.line}\n{self.warning}".strip()

    def to_dict(self) -> dict[str, Any]:
        """All of it, as plain values."""
        return asdict(self)

    def table(self) -> list[dict[str, Any]]:
        """The tensors that did not arrive."""
        return [asdict(lost) for lost in self.not_transferred]


_reports: weakref.WeakKeyDictionary[Any, TransferReport] = weakref.WeakKeyDictionary()


def transfer_report(model: Any) -> TransferReport | None:
    """What the last load into a model carried over: the model itself, or the ``YOLO`` object that holds it.

    Returns:
        None if nothing was loaded, or if no block of ours was involved.
    """
    held = getattr(model, "model", None)
    return _reports.get(model) or (_reports.get(held) if held is not None else None)


def keep_report(model: Any, report: TransferReport) -> None:
    """Keep a report as long as the model lives; an attribute of the model would get into its checkpoints."""
    _reports[model] = report


def say(report: TransferReport) -> None:
    """Log the report: one line, what did not arrive, and a warning if that is much."""
    log.say(report.line, report.details())
    if report.warning:
        log.warn(report.warning)
