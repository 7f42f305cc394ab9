# SPDX-License-Identifier: AGPL-3.0-or-later
"""What ``yolo-fine bench`` measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from yolo_fine.costs.timing import Ratio
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

QUADRATIC = 1.5  # exponent in cells from which a block is said to be quadratic


@dataclass(frozen=True)
class Timing:
    """One block or model.

    Attributes:
        ms: Median over the rounds, in milliseconds.
        quartiles: First and third quartile.
        ratio: To what it is compared with, in the same run.
        parameters: Number of parameters.
        mmacs: 10^6 multiply-accumulates of convolutions and matrix products.
        peak_mb: MiB alive at one time during a call, inputs and parameters not counted; None if not measured.
        growth: Exponents of ``cells`` and ``channels`` in multiply-accumulates, if asked for.
        against: What it is compared with, where that is not the yardstick of all.
    """

    ms: float
    quartiles: tuple[float, float]
    ratio: Ratio
    parameters: int
    mmacs: float
    peak_mb: float | None = None
    growth: dict[str, float] | None = None
    against: str | None = None

    @property
    def is_quadratic(self) -> bool:
        """Whether multiply-accumulates grow faster than cells by far."""
        return self.growth is not None and self.growth["cells"] >= QUADRATIC


@dataclass(frozen=True, repr=False)
class Bench(Result):
    """Times of blocks or models, all of one run.

    Attributes:
        kind: ``blocks`` or ``models``.
        yardstick: What the ratios are to; the first stock model for models.
        timings: By name, the yardstick among them.
        settings: How it was measured.
        left_out: What could not be measured, with the reason.
    """

    kind: str
    yardstick: str
    timings: dict[str, Timing]
    settings: dict[str, Any]
    left_out: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """``yardstick_ms``, and ``ms``, ``ratio`` and its limits for each; ``clear`` where these leave 1 out."""
        measured = {
            name: asdict(timing)
            | {
                "ratio": timing.ratio.value,
                "ratio_limits": [timing.ratio.low, timing.ratio.high],
                "clear": timing.ratio.is_clear,
            }
            for name, timing in self.timings.items()
        }
        own = {name: values for name, values in measured.items() if self.kind == "models" or name != self.yardstick}
        return {
            "yardstick": self.yardstick,
            "yardstick_ms": self.timings[self.yardstick].ms,
            self.kind: own,
            "settings": self.settings,
            "left_out": self.left_out,
        }

    def summary(self) -> str:
        """What was measured, and the cheapest and the dearest."""
        others = {name: timing.ratio for name, timing in self.timings.items() if name != self.yardstick}
        where = f" on {self.settings['processor']}" if "processor" in self.settings else ""
        lines = [f"{len(others)} {self.kind}; {self.yardstick} takes {self.timings[self.yardstick].ms:.2f} ms{where}"]
        if others:
            ordered = sorted(others, key=lambda name: others[name].value)
            lines.append(f"times as long: {ordered[0]} {others[ordered[0]]} to {ordered[-1]} {others[ordered[-1]]}")
        return "\n".join(lines)

    def table(self) -> Sequence[Row]:
        """A row each."""
        rows = []
        for name, timing in self.timings.items():
            row: dict[str, Any] = {
                "name": name,
                "ms": f"{timing.ms:.2f}",
                "quartiles": "{:.2f} to {:.2f}".format(*timing.quartiles),
                "ratio": str(timing.ratio) if name != (timing.against or self.yardstick) else "1",
            }
            if self.kind == "models":
                row["to"] = timing.against
            row |= {"parameters": f"{timing.parameters:,}", "MMACs": f"{timing.mmacs:.0f}"}
            if timing.peak_mb is not None:
                row["peak MiB"] = f"{timing.peak_mb:.1f}"
            if timing.growth is not None:
                row["grows with cells"] = f"^{timing.growth['cells']:.2f}" + " (quadratic)" * timing.is_quadratic
                row["with channels"] = f"^{timing.growth['channels']:.2f}"
            rows.append(row)
        columns = list(dict.fromkeys(column for row in rows for column in row))
        return [{column: row.get(column) for column in columns} for row in rows]

    def show(self) -> list[str | Table]:
        """The table, and what was left out."""
        return [Table(self.table()), *(f"not measured: {name}: {reason}" for name, reason in self.left_out.items())]
