# SPDX-License-Identifier: AGPL-3.0-or-later
"""Latency of two ways to run one network, measured in turn on the same images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from yolo_fine.utils.arrays import Array

WARM_UP, LEAST, PATIENCE = 2, 5, 30.0  # runs, pairs, seconds


@dataclass(frozen=True)
class Latency:
    """Milliseconds a batch, medians over the pairs.

    Attributes:
        torch_ms: The reference in PyTorch.
        file_ms: The file in its runtime.
        ratio: Median over the pairs of file / PyTorch: what disturbs one pair disturbs both sides of it.
        pairs: Number of pairs; fewer than asked for if they took more than half a minute.
        threads: CPU threads of both.
        batch: Images a run.
    """

    torch_ms: float
    file_ms: float
    ratio: float
    pairs: int
    threads: int
    batch: int


def measure_latency(
    torch_run: Callable[[Array], object], file_run: Callable[[Array], object], images: Array,
    *, pairs: int, threads: int,
) -> Latency:  # fmt: skip
    """Run both in turn, the first of a pair alternating."""
    sides = (torch_run, file_run)
    for run in sides * WARM_UP:
        run(images)
    times: list[list[float]] = []
    began = time.perf_counter()
    while len(times) < pairs and (len(times) < LEAST or time.perf_counter() - began < PATIENCE):
        pair = [0.0, 0.0]
        for side in (0, 1) if len(times) % 2 == 0 else (1, 0):
            start = time.perf_counter()
            sides[side](images)
            pair[side] = (time.perf_counter() - start) * 1000
        times.append(pair)
    columns = np.array(times)
    torch_ms, file_ms = np.median(columns, axis=0)
    ratio = np.median(columns[:, 1] / columns[:, 0])
    return Latency(float(torch_ms), float(file_ms), float(ratio), len(times), threads, len(images))


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let PyTorch use that many CPU threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
