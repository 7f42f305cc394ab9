# SPDX-License-Identifier: AGPL-3.0-or-later
"""Predictions: the boxes of a result, and a predictor that gives a candidate box several classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from yolo_fine.integration.versions import installed_version
from yolo_fine.utils.arrays import Array

if TYPE_CHECKING:
    from ultralytics import YOLO


def several_classes(model: YOLO, options: dict[str, Any]) -> Any:
    """What to give ``YOLO.predict`` as ``predictor=``, with these options, for boxes with several classes."""
    return as_predictor(multi_label_predictor(), model, options)


def as_predictor(kind: type, model: YOLO, options: Mapping[str, Any]) -> Any:
    """What ``YOLO.predict`` takes as ``predictor=`` for a class of predictors: older releases want an object."""
    if installed_version() >= (8, 3, 8):
        return kind
    return kind(overrides={**model.overrides, **options, "mode": "predict"})


@cache
def multi_label_predictor() -> type:
    """A predictor that gives a candidate box every class above ``conf``, as ``yolo val`` does, and not its best alone.

    Only non-maximum suppression differs; images are
    prepared and results are built by the stock predictor. End-to-end heads choose classes themselves and are not
    affected. The class is made at first use, because importing its base imports torch.
    """
    import torch
    from ultralytics.models.yolo.detect import DetectionPredictor

    suppress = non_max_suppression()

    class MultiLabelPredictor(DetectionPredictor):  # type: ignore[misc]
        def postprocess(self, preds: Any, img: Any, orig_imgs: Any, **kwargs: Any) -> Any:
            raw = preds[0] if isinstance(preds, (list, tuple)) else preds
            if raw.shape[-1] == 6 or getattr(self.model, "end2end", False):
                return super().postprocess(preds, img, orig_imgs, **kwargs)
            kept = suppress(
                preds,
                self.args.conf,
                self.args.iou,
                self.args.classes,
                self.args.agnostic_nms,
                multi_label=True,
                max_det=self.args.max_det,
            )
            # The stock step takes rows of six, best first, for the output of an end-to-end head: it scales the boxes
            # and builds the results. Padding has score 0, which is never above conf.
            padded = torch.nn.utils.rnn.pad_sequence(kept, batch_first=True)
            return super().postprocess(padded, img, orig_imgs, **kwargs)

    return MultiLabelPredictor


def trained_size(model: YOLO) -> Any:
    """The ``imgsz`` that a model was trained at; 640 where it doesn't say."""
    return model.overrides.get("imgsz", 640)


def forget_predictor(model: YOLO) -> None:
    """Let the next prediction make its predictor anew: one of an earlier call may suppress in another way."""
    model.predictor = None


def rows_of(result: Any) -> Array:
    """Boxes of one image's ``Results``: left, top, right, bottom, score, class; shape (n, 6), float64."""
    rows: Array = result.boxes.data.cpu().numpy().astype(np.float64)[:, :6].reshape(-1, 6)
    return rows


def non_max_suppression() -> Callable[..., Any]:
    """The stock function, from where the installed release keeps it."""
    try:
        from ultralytics.utils.nms import non_max_suppression
    except ImportError:  # releases before 8.3.200
        from ultralytics.utils.ops import non_max_suppression
    function: Callable[..., Any] = non_max_suppression
    return function
