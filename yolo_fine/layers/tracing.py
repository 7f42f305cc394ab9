# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a graph is being recorded for an export: there, sizes are symbols."""

from __future__ import annotations

import torch


def is_tracing() -> bool:
    """Whether an export records what is computed. A comparison of sizes would then be baked into the graph."""
    return bool(torch.jit.is_tracing())  # type: ignore[no-untyped-call, attr-defined]
