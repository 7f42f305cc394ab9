# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the installed Ultralytics does when it assigns objects to anchors: asked, not read off a version."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolo_fine.integration.versions import require
from yolo_fine.utils.arrays import Array


def stock_candidates(boxes: Array, strides: Sequence[float], imgsz: int) -> Array:
    """Candidates of each box by level, from the stock assigner itself.

    Args:
        boxes: Left, top, right, bottom in pixels of the network's input, shape (objects, 4).
        strides: Of the levels.
        imgsz: Side of the network's input.

    Returns:
        Shape (objects, levels), int64.
    """
    import torch
    from ultralytics.utils.tal import TaskAlignedAssigner

    places, owners = [], []
    for stride in strides:
        centre = (torch.arange(int(np.ceil(imgsz / stride))) + 0.5) * stride
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        places.append(torch.stack([x, y], -1).view(-1, 2))
        owners.append(torch.full((len(centre) ** 2,), float(stride)))
    takes_stride = "stride" in inspect.signature(TaskAlignedAssigner.__init__).parameters
    assigner = TaskAlignedAssigner(**({"stride": [float(stride) for stride in strides]} if takes_stride else {}))
    truth = torch.as_tensor(boxes, dtype=torch.float32)[None]
    takes_mask = "mask_gt" in inspect.signature(assigner.select_candidates_in_gts).parameters
    masks = [torch.ones(1, len(boxes), 1)] if takes_mask else []
    found = assigner.select_candidates_in_gts(torch.cat(places), truth, *masks)[0].bool()
    owner = torch.cat(owners)
    counts: Array = torch.stack([(found & (owner == stride)).sum(-1) for stride in strides], -1).numpy()
    return counts


def stock_rule() -> str:
    """Which of the three known rules the installed release follows: ``8.3``, ``8.4.0`` or ``8.4.190``.

    Raises:
        UpstreamError: None of them.
    """
    boxes = np.array([[6.0, 6, 10, 10], [12, 12, 24, 24]])  # sides below the first stride, and between first and second
    found = tuple(stock_candidates(boxes, [8, 16, 32], 64).sum(axis=1).tolist())
    rules = {(1, 2): "8.3", (5, 2): "8.4.0", (5, 6): "8.4.190"}
    require(found in rules, "the assigner enlarges small objects by one of three known rules")
    return rules[found]


@dataclass(frozen=True)
class Labels:
    """What the assigner gave the objects of some images.

    Attributes:
        size: Square root of the area in pixels of the network's input, shape (objects,).
        positives: Anchors that are to find it, shape (objects,).
        best: Largest soft label among them, 0 without any, shape (objects,).
        total: Sum of its soft labels, which is its weight in the loss, shape (objects,).
    """

    size: Array
    positives: Array
    best: Array
    total: Array


def assigned_labels(detector: Any, images: Sequence[Array], objects: Sequence[Array], settings: Any = None) -> Labels:
    """Run a detector on images and see what its own assigner makes of its predictions. Nothing is trained.

    Args:
        detector: An ``ultralytics.YOLO``.
        images: Letterboxed images, each (imgsz, imgsz, 3), uint8, RGB.
        objects: Class and normalised centre and sides of the objects of each image, each (objects, 5).
        settings: Settings of the assigner, or None for stock.

    Raises:
        UpstreamError: The model has no task-aligned assigner.
    """
    import torch

    from yolo_fine.integration.assigner import apply_settings

    model = detector.model.float().eval()
    model.criterion = None
    model.args = _with_loss_gains(model)
    criterion = model.init_criterion()
    if settings is not None:
        apply_settings(criterion, settings, [float(stride) for stride in model.model[-1].stride])
    part = getattr(criterion, "one2many", criterion)
    require(hasattr(part, "assigner"), "a detection loss has an assigner")
    found: list[tuple[Any, Any, Any]] = []
    stock_forward = part.assigner.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        result = stock_forward(*args, **kwargs)
        found.append((args[4], result[2], (result[3].bool(), result[4])))
        return result

    part.assigner.forward = forward
    model.criterion = criterion
    columns: list[tuple[Array, Array, Array, Array]] = []
    with torch.no_grad():
        for image, rows in zip(images, objects, strict=True):
            if not len(rows):
                continue
            batch = _batch(image, rows)
            model.loss(batch, model(batch["img"]))
            columns.append(_read(*found.pop()))
    del part.assigner.forward
    model.criterion = None
    return Labels(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _with_loss_gains(model: Any) -> Any:
    """The model's arguments with those that a loss reads; a checkpoint for inference lacks some."""
    from ultralytics.utils import DEFAULT_CFG, IterableSimpleNamespace

    own = model.args if isinstance(model.args, dict) else vars(model.args)
    return IterableSimpleNamespace(**{**vars(DEFAULT_CFG), **own})


def _batch(image: Array, rows: Array) -> dict[str, Any]:
    import torch

    table = torch.as_tensor(rows, dtype=torch.float32)
    pixels = torch.as_tensor(np.ascontiguousarray(image.transpose(2, 0, 1)), dtype=torch.float32)[None] / 255
    return {"img": pixels, "cls": table[:, :1], "bboxes": table[:, 1:], "batch_idx": torch.zeros(len(rows))}


def _read(boxes: Any, scores: Any, assigned: Any) -> tuple[Array, Array, Array, Array]:
    """Size, positives, best label and sum of labels of each object of one image."""
    positive, owner = assigned
    label = scores[0].sum(-1)  # one class an anchor has a label
    count = boxes.shape[1]
    sizes = (boxes[0, :, 2:] - boxes[0, :, :2]).clamp(min=0).prod(-1).sqrt()
    owners, labels = owner[0][positive[0]].long().numpy(), label[positive[0]].numpy()
    best = np.zeros(count)
    np.maximum.at(best, owners, labels)
    return (
        sizes.numpy(),
        np.bincount(owners, minlength=count),
        best,
        np.bincount(owners, weights=labels, minlength=count),
    )


def agrees_with_stock(count: Any, boxes: int = 1000) -> Iterator[tuple[str, int]]:
    """Compare a counter with the stock assigner on random boxes; yields the head and how many boxes differ.

    Args:
        count: Takes centre and sides (objects, 4), strides and imgsz; returns candidates by level.
        boxes: How many; every fifth lies on multiples of 4 pixels.
    """
    random = np.random.default_rng(0)
    corners = random.uniform(0, 600, (boxes, 2))
    sides = random.uniform(1, 60, (boxes, 2))
    table = np.concatenate([corners, corners + sides], axis=1)
    table[::5] = np.round(table[::5] / 4) * 4
    table = table[(table[:, 2:] > table[:, :2]).all(axis=1)].astype(np.float32).astype(np.float64)
    centred = np.concatenate([(table[:, :2] + table[:, 2:]) / 2, table[:, 2:] - table[:, :2]], axis=1)
    for name, strides in (("P3 to P5", (8, 16, 32)), ("P2 to P5", (4, 8, 16, 32))):
        differs = (stock_candidates(table, strides, 640) != count(centred, strides, 640)).any(axis=1)
        yield name, int(differs.sum())
