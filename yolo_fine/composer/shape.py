# SPDX-License-Identifier: AGPL-3.0-or-later
"""What compose is asked beside blocks: levels, neck, and the keys that concern the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yolo_fine.composer.document import Document
from yolo_fine.composer.header import set_key
from yolo_fine.composer.levels import FINEST, read_head
from yolo_fine.composer.necks import Neck
from yolo_fine.errors import ArgumentError, ModelYamlError
from yolo_fine.integration import box_prior as prior
from yolo_fine.integration import branch_width
from yolo_fine.integration.parsing.vocabulary import has_box_branches, has_depthwise_classes

DEFAULT_SHARE = 1.0  # as wide as the map: docs/study.md, branch_width_to_stock
COMMENT = "hidden channels of the {} at stride 4, as a share of their map's; 0: as {}"


@dataclass(frozen=True)
class Shape:
    """Levels, neck and head settings, in the words of the command.

    Attributes:
        head: ``p2,p3,p4``, ``p2``, or None for the levels of the base.
        neck: ``stock``, ``bifpn``, ``fpn`` or ``none``.
        p2_branch: Hidden channels of the branches at stride 4 as a share of their map's; 0 is stock. None: the default.
        p2_class: Those of the class branch alone; 0 is as wide as the other levels'. None: the default.
        box_prior: Strides that fresh boxes reach to each side; 0 is stock. None: the default.
    """

    head: str | None = None
    neck: Neck = "stock"
    p2_branch: float | None = None
    box_prior: float | None = None
    p2_class: float | None = None

    @property
    def is_stock(self) -> bool:
        """Whether nothing is asked for."""
        numbers = (self.p2_branch, self.p2_class, self.box_prior)
        return not self.head and self.neck == "stock" and all(number is None for number in numbers)

    @property
    def is_run(self) -> bool:
        """Whether levels are named one by one."""
        return bool(self.head) and read_head(self.head or "") is not None

    @classmethod
    def from_words(cls, pairs: dict[str, Any]) -> Shape:
        """Take these settings out of a command's words."""
        head, neck = pairs.pop("head", None), pairs.pop("neck", "stock")
        numbers = {key: pairs.pop(key, None) for key in ("p2_branch", "p2_class", "box_prior")}
        return cls(head, neck, **{key: None if text is None else float(text) for key, text in numbers.items()})

    def words(self) -> dict[str, str | None]:
        """The settings as words of a command."""
        neck = None if self.neck == "stock" else self.neck
        numbers = {"p2_branch": self.p2_branch, "p2_class": self.p2_class, "box_prior": self.box_prior}
        given = {key: None if value is None else f"{value:g}" for key, value in numbers.items()}
        return {"head": self.head, "neck": neck, **given}

    def check(self) -> None:
        """Check what can be checked without a model.

        Raises:
            ArgumentError: The levels are no run, or a number is out of its range.
        """
        if self.head:
            read_head(self.head)
        try:
            branch_width.read_branch_shares(
                {branch_width.KEY: self.p2_branch, branch_width.CLASS_KEY: self.p2_class}, ""
            )
            prior.read_box_prior({prior.KEY: self.box_prior}, "")
        except ModelYamlError as error:
            raise ArgumentError(str(error).removeprefix(": ")) from None

    def levels(self, had: list[int], name: str) -> list[int]:
        """The levels that the head is to read.

        Args:
            had: Those that it reads in the base, finest first.
            name: Name of the base.

        Raises:
            ArgumentError: ``head=p2``, and the base has that level.
        """
        levels = read_head(self.head) if self.head else had
        if levels is not None:
            return levels
        if had[0] <= FINEST:
            raise ArgumentError(f"head=p2: {name} detects at P2 already")
        return list(range(FINEST, had[-1] + 1))

    def write_keys(self, document: Document, head: str, model: dict[str, Any], new: set[int]) -> None:
        """Write ``box_prior``, ``p2_branch`` and ``p2_class`` above the rows.

        What the base's YAML says stays unless another value is asked for.

        Args:
            document: The composed YAML; changed in place.
            head: Class of its last row.
            model: The base.
            new: Levels that the base's head does not read.

        Raises:
            ArgumentError: The head has no branches for boxes and classes, and a setting of them was asked for.
        """
        if not has_box_branches(head):
            for key in ("p2_branch", "p2_class", "box_prior"):
                if getattr(self, key):
                    raise ArgumentError(f"{key}={getattr(self, key):g}: {head} has no branches for boxes and classes")
            return
        changes_levels = bool(self.head) or self.neck != "stock"
        strides = self.box_prior
        if strides is None and changes_levels and prior.KEY not in model:
            strides = prior.DEFAULT_MEAN
        if strides is not None:
            set_key(document, prior.KEY, strides, "strides that fresh boxes reach to each side; 0: as stock")
        share, class_share = self.p2_branch, self.p2_class
        if share is None and self.is_run and FINEST in new and branch_width.KEY not in model:
            share = DEFAULT_SHARE
            if class_share is None and has_depthwise_classes(model):
                class_share = 0.0
        if class_share is not None:
            set_key(document, branch_width.CLASS_KEY, class_share, COMMENT.format("class branch", "at other levels"))
        if share or (share == 0 and branch_width.KEY in model):
            set_key(document, branch_width.KEY, share, COMMENT.format("branches", "stock"))
