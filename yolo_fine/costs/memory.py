# SPDX-License-Identifier: AGPL-3.0-or-later
"""The most memory that a forward pass needs beside its inputs and parameters."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

SILENT = "99"  # a level above all that PyTorch's profiler reports on stderr


def peak_bytes(call: Callable[[], Any], device: str = "cpu") -> int:
    """Largest sum of the tensors that are alive at one time during a call, inputs and parameters not counted.

    Args:
        call: What is run; it is run twice.
        device: ``cpu``, or a CUDA device, where the allocator's own count is used.
    """
    import torch

    call()  # caches that stay, such as position encodings, are not counted
    if device != "cpu":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        kept = call()
        torch.cuda.synchronize()
        del kept
        return int(torch.cuda.max_memory_allocated() - before)
    os.environ["KINETO_LOG_LEVEL"] = SILENT  # Ultralytics has set 5, at which starts and stops are still reported
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        kept = call()
    del kept
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    alive = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    return peak
