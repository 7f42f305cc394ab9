# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a block is computed: recorded for an export, where sizes are symbols, or on a CPU in float32."""

from __future__ import annotations

import torch
from torch import Tensor


def is_tracing() -> bool:
    """Whether an export records what is computed. A comparison of sizes would then be baked into the graph."""
    return bool(torch.jit.is_tracing())  # type: ignore[no-untyped-call, attr-defined]


def computes_plainly(x: Tensor) -> bool:
    """Whether a faster form of the same mathematics may be used: on a CPU, in float32, and not for an export."""
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
