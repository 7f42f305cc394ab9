# SPDX-License-Identifier: AGPL-3.0-or-later
"""Devices by the words that Ultralytics takes: ``cpu``, ``0``, ``cuda:1``, ``0,1``."""

from __future__ import annotations

from yolo_fine.integration.log import silent_thread


def is_device_here(device: str | int | None) -> bool:
    """Whether Ultralytics finds the device that it would be given."""
    from ultralytics.utils.torch_utils import select_device

    try:
        with silent_thread():
            select_device(device, verbose=False)
    except ValueError:
        return False
    return True


def processor(device: str) -> str:
    """What computes there, as ``AMD EPYC, AVX512`` or ``NVIDIA H100 80GB``: ratios of times differ between them.

    Args:
        device: ``cpu``, or a GPU as ``cuda:0``.
    """
    import torch
    from ultralytics.utils.torch_utils import get_cpu_info

    if device != "cpu":
        return str(torch.cuda.get_device_name(device))
    return f"{get_cpu_info()}, {torch.backends.cpu.get_cpu_capability()}"
