# SPDX-License-Identifier: AGPL-3.0-or-later
"""Times that can be compared: everything takes its turn in every round, so that a busy machine slows all alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from yolo_fine.errors import ArgumentError

Call = Callable[[], Any]


@dataclass(frozen=True)
class Ratio:
    """How many times longer one thing takes than another of the same run.

    Attributes:
        value: Median over the rounds of the ratio of both.
        low: Lower limit of the 95 % interval of that median (from order statistics).
        high: Its upper limit.
    """

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 1 out. If not, the spread is larger than the difference."""
        return not self.low <= 1 <= self.high

    def __str__(self) -> str:
        if self.is_clear or self.low == self.high == 1:
            return f"{self.value:.2f}"
        return f"within noise of 1 ({self.low:.2f} to {self.high:.2f})"


def take_turns(calls: Mapping[str, Call], rounds: int, synchronize: Call | None = None) -> dict[str, list[float]]:
    """Milliseconds of every call, once a round.

    Each is called once untimed right before, which brings back into the caches what the others evicted.

    Args:
        calls: What is timed, by name.
        rounds: How often each one takes its turn.
        synchronize: Waits for the device (``torch.cuda.synchronize``), where calls only start the work.
    """
    wait = synchronize or (lambda: None)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call()
            wait()
            start = time.perf_counter()
            call()
            wait()
            times[name].append(1e3 * (time.perf_counter() - start))
    return times


def ratio(times: Sequence[float], yardstick: Sequence[float]) -> Ratio:
    """The ratio of two rows of times of the same rounds."""
    ratios = sorted(own / base for own, base in zip(times, yardstick, strict=True))
    low, high = median_limits(len(ratios))
    return Ratio(statistics.median(ratios), ratios[low], ratios[high])


def median_limits(count: int) -> tuple[int, int]:
    """Places, in ``count`` sorted values, of the limits of a 95 % interval of their median."""
    # The k + 1 smallest values lie below the median with the chance of at most k heads in ``count`` throws.
    tails = [2 * sum(math.comb(count, heads) for heads in range(k + 1)) / 2**count for k in range(count // 2)]
    low = max((k for k, tail in enumerate(tails) if tail <= 0.05), default=0)
    return low, count - 1 - low


def quartiles(times: Sequence[float]) -> tuple[float, float]:
    """First and third quartile."""
    if len(times) < 2:
        return times[0], times[0]
    first, _, third = statistics.quantiles(times, n=4, method="inclusive")
    return first, third


def read_device(device: str) -> str:
    """``cpu``, or ``0`` as ``cuda:0``.

    Raises:
        ArgumentError: It is neither, or is not there.
    """
    if device == "cpu":
        return device
    number = device.removeprefix("cuda:")
    if not number.isdigit():
        raise ArgumentError(f"device={device} must be cpu, or the number of a GPU")
    import torch

    if int(number) >= torch.cuda.device_count():
        raise ArgumentError(f"device={device}: this machine has no such GPU; leave device= out for the CPU")
    return f"cuda:{number}"


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` CPU threads for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
