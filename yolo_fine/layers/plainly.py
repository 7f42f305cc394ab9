# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a faster form of the same mathematics may be computed: on a CPU, in float32, and not for an export."""

from __future__ import annotations

import torch
from torch import Tensor

from yolo_fine.layers.tracing import is_tracing


def computes_plainly(x: Tensor) -> bool:
    """Whether ``x`` is on a CPU and computed with in float32, and no export records what is computed."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not is_tracing() and not is_under_autocast()


def is_under_autocast() -> bool:
    """Whether convolutions and products on a CPU are computed in half precision at present."""
    if hasattr(torch, "get_autocast_dtype"):  # from torch 2.4 on
        return bool(torch.is_autocast_enabled("cpu"))
    return bool(torch.is_autocast_cpu_enabled())


def is_compiling() -> bool:
    """Whether ``torch.compile`` records what is computed."""
    if hasattr(torch.compiler, "is_compiling"):  # from torch 2.3 on
        return bool(torch.compiler.is_compiling())
    return bool(torch._dynamo.is_compiling())
