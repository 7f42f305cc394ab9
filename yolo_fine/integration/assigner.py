# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ultralytics' task-aligned assigner with a floor, NWD and eps of one's own, on every supported release.

Two methods are overridden that all releases call through ``self``: the search for candidates and the overlap of pairs.
The stock floor is switched off, so that ``floor: 8`` means the same everywhere. A stock assigner becomes one of these
by changing its class; a checkpoint of an unfinished run may hold it (up to 8.4.0), so the class paths are API.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from ultralytics.utils.loss import BboxLoss
from ultralytics.utils.tal import TaskAlignedAssigner

from yolo_fine.integration.assign_settings import AssignSettings


class FineAssigner(TaskAlignedAssigner):  # type: ignore[misc]
    """The stock assigner with settings; ``settings`` are set after the class was changed."""

    settings: AssignSettings

    def select_candidates_in_gts(self, xy_centers: Tensor, gt_bboxes: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Candidates of boxes whose sides are at least the floor.

        Args:
            xy_centers: Centres of the anchors in pixels, (anchors, 2).
            gt_bboxes: Left, top, right, bottom in pixels, (images, objects, 4); rows of zeros are padding.
            args: Handed on.
            kwargs: Handed on.

        Returns:
            (images, objects, anchors), true for candidates.
        """
        if self.settings.floor != "stock":
            gt_bboxes = with_floor(gt_bboxes, self.settings.floor)
        candidates: Tensor = super().select_candidates_in_gts(xy_centers, gt_bboxes, *args, **kwargs)
        return candidates

    def iou_calculation(self, gt_bboxes: Tensor, pd_bboxes: Tensor) -> Tensor:
        """Overlap of pairs of boxes in pixels, both (pairs, 4) as corners; returns (pairs,)."""
        overlap: Tensor = super().iou_calculation(gt_bboxes, pd_bboxes)
        if not self.settings.nwd:
            return overlap
        share = self.settings.nwd * gate(gt_bboxes, self.settings.nwd_below)
        return (1 - share) * overlap + share * nwd(gt_bboxes, pd_bboxes, self.settings.nwd_c)


class FineBoxLoss(BboxLoss):  # type: ignore[misc]
    """The stock box loss, a share of which is replaced by 1 - NWD."""

    settings: AssignSettings
    strides: list[float]

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Stock, with NWD in the first term.

        Args:
            args: As the stock loss takes them: distances, boxes, anchors, target boxes, target scores, their sum, mask
                of positives, ... Boxes are in units of their anchor's stride, (images, anchors, 4).
            kwargs: Handed on.
        """
        box, second = super().forward(*args, **kwargs)
        _, boxes, anchors, targets, scores, total, positive = args[:7]
        chosen = positive.bool()
        if not self.settings.box_nwd or not chosen.any():
            return box, second
        stride = anchor_strides(anchors, self.strides)[None, :, None].expand(*chosen.shape, 1)[chosen]
        found, wanted = boxes[chosen] * stride, targets[chosen] * stride
        weight = scores.sum(-1)[chosen] * self.settings.box_nwd * gate(wanted, self.settings.nwd_below)
        from ultralytics.utils.metrics import bbox_iou

        stock = 1 - bbox_iou(found, wanted, xywh=False, CIoU=True).squeeze(-1)
        ours = 1 - nwd(wanted, found, self.settings.nwd_c)
        return box + ((ours - stock) * weight).sum() / total, second


def with_floor(boxes: Tensor, floor: float) -> Tensor:
    """Boxes (..., 4) as corners whose sides are at least ``floor``, about their centres; padding stays padding."""
    centre, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
    is_box = (half > 0).all(-1, keepdim=True)
    half = torch.where(is_box, half.clamp(min=floor / 2), half)
    return torch.cat([centre - half, centre + half], -1)


def nwd(one: Tensor, other: Tensor, c: float) -> Tensor:
    """Normalised Gaussian Wasserstein distance of pairs of boxes, as a similarity between 0 and 1.

    "A Normalized Gaussian Wasserstein Distance for Tiny Object Detection" (arXiv 2110.13389, section 3.2): a box is a
    Gaussian with its centre and half its sides as standard deviations; exp(-W / C).

    Args:
        one: Left, top, right, bottom in pixels, (pairs, 4).
        other: The same.
        c: The constant C, in pixels.

    Returns:
        (pairs,).
    """
    difference = one - other
    centre = (difference[:, :2] + difference[:, 2:]) / 2
    sides = difference[:, 2:] - difference[:, :2]
    squared = centre.pow(2).sum(1) + sides.pow(2).sum(1) / 4
    return torch.exp(-(squared + 1e-12).sqrt() / c)  # the root of 0 has no gradient


def gate(boxes: Tensor, below: float) -> Tensor:
    """1 for the smallest objects, falling to 0 at a size of ``below`` pixels; 1 for all if that is 0. (pairs,)."""
    if not below:
        return torch.ones_like(boxes[:, 0])
    size = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1).sqrt()
    return (1 - size / below).clamp(0, 1)


def anchor_strides(anchor_points: Tensor, strides: list[float]) -> Tensor:
    """Stride of each anchor, (anchors,): a level begins where an anchor has the place (0.5, 0.5) in its own units."""
    level = (anchor_points == 0.5).all(-1).cumsum(0) - 1
    return torch.tensor(strides, dtype=anchor_points.dtype, device=anchor_points.device)[level]


def apply_settings(criterion: Any, settings: AssignSettings, strides: list[float]) -> int:
    """Let the stock assigners of a criterion follow the settings; returns how many were changed.

    The one-to-many and one-to-one losses of an end-to-end head are changed both. Assigners of other classes (of
    oriented boxes and poses) are left alone.
    """
    changed = 0
    parts: list[Any] = [criterion, getattr(criterion, "one2many", None), getattr(criterion, "one2one", None)]
    for part in parts:
        assigner: Any = getattr(part, "assigner", None)
        if type(assigner) not in (TaskAlignedAssigner, FineAssigner):
            continue
        assigner.__class__, assigner.settings = FineAssigner, settings
        if settings.floor != "stock":  # ours takes the place of the stock one
            if hasattr(assigner, "stride"):
                assigner.stride = [0, 0]
            if hasattr(assigner, "stride_val"):
                assigner.stride_val = 0
        if settings.eps != "stock":
            assigner.eps = settings.eps
        if settings.box_nwd and type(part.bbox_loss) in (BboxLoss, FineBoxLoss):
            part.bbox_loss.__class__ = FineBoxLoss
            part.bbox_loss.settings, part.bbox_loss.strides = settings, strides
        changed += 1
    return changed
