# SPDX-License-Identifier: AGPL-3.0-or-later
"""Softmax over an axis that isn't the last, in its parts where an export records it.

Over such an axis onnxruntime computes its operators Softmax and LogSoftmax place by place, and the parts faster: by how
much a block gains shows ``python benchmarks/exported_forms.py``.
"""

from __future__ import annotations

from torch import Tensor

from yolo_fine.layers.tracing import is_tracing


def softmax(x: Tensor, axis: int) -> Tensor:
    """``x.softmax(axis)``; output as ``x``."""
    if not is_tracing():
        return x.softmax(axis)
    powers = (x - x.amax(axis, keepdim=True)).exp()  # the largest is 1, so that nothing overflows
    return powers / powers.sum(axis, keepdim=True)


def log_softmax(x: Tensor, axis: int) -> Tensor:
    """``x.log_softmax(axis)``; output as ``x``."""
    if not is_tracing():
        return x.log_softmax(axis)
    below = x - x.amax(axis, keepdim=True)
    return below - below.exp().sum(axis, keepdim=True).log()
