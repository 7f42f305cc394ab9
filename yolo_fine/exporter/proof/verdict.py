# SPDX-License-Identifier: AGPL-3.0-or-later
"""When a file is equal, close or different.

``equal`` asks the same of every precision: raw outputs within 1e-4 (of what, :mod:`.outputs` says), and
the same boxes at confidence 0.25, matched one to one at IoU 0.99. What may be called ``close`` depends on what the
precision can do. Everything else, and any run that failed, is ``DIFFERENT``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from yolo_fine.exporter.proof.boxes import Agreement

Verdict = Literal["equal", "close", "DIFFERENT", "not proven"]


@dataclass(frozen=True)
class Limits:
    """What a verdict asks for.

    Attributes:
        max_rel_err: Largest relative error of any raw output; None = no limit.
        mean_rel_err: Mean relative error of the worst group of raw outputs.
        share: Least share of boxes that agree.
        iou: Least overlap of two boxes that agree.
        slack: A box whose confidence is that near to the limit of 0.25 may be on one side only.
        confidence: Largest difference of confidence of two boxes that agree; None = no limit.
        ap: Largest loss of AP, where data with enough images was given.
    """

    max_rel_err: float | None
    mean_rel_err: float
    share: float
    iou: float
    slack: float
    confidence: float | None
    ap: float


ENOUGH_IMAGES = 100  # on fewer, one box at an IoU threshold moves AP by more than the limits
EQUAL = Limits(1e-4, 1e-4, share=1.0, iou=0.99, slack=1e-3, confidence=1e-3, ap=1e-3)
CLOSE = {
    "fp32": Limits(1e-2, 1e-3, share=0.99, iou=0.95, slack=1e-2, confidence=1e-2, ap=5e-3),
    "fp16": Limits(None, 2e-3, share=0.95, iou=0.9, slack=2e-2, confidence=2e-2, ap=1e-2),
    "int8": Limits(None, 2e-2, share=0.8, iou=0.8, slack=0.15, confidence=None, ap=3e-2),
}


def fails(
    limits: Limits, max_rel_err: float, mean_rel_err: float, agreement: Agreement, ap_loss: float | None
) -> list[str]:
    """What stands against a verdict, in words; nothing if it holds. ``ap_loss`` is None where it is not known."""
    against = []
    if limits.max_rel_err is not None and max_rel_err > limits.max_rel_err:
        against.append(f"largest relative error {max_rel_err:.1e} of raw outputs is above {limits.max_rel_err:g}")
    if mean_rel_err > limits.mean_rel_err:
        against.append(f"mean relative error {mean_rel_err:.1e} of raw outputs is above {limits.mean_rel_err:g}")
    if agreement.share < limits.share:
        scores = "" if limits.confidence is None else f", confidence within {limits.confidence:g}"
        against.append(
            f"{agreement.missing} boxes missing and {agreement.extra} extra beside {agreement.matched} that agree "
            f"(IoU {limits.iou:g}{scores})"
        )
    if ap_loss is not None and ap_loss > limits.ap:
        against.append(f"AP falls by {ap_loss:.4f}, more than {limits.ap:g}")
    return against
