# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which operators of an ONNX file other runtimes take, by the lists in ``operators.json``.

A list says yes or no where its source is clear, and nothing of other operators: those are told as unlisted, which is
neither. TensorRT and CoreML see the graph after their own simplification, so a listed operator may still be refused
for its types or shapes; only building the engine proves it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("operators.json")


@dataclass(frozen=True)
class OperatorCheck:
    """Operators that a runtime does not take, and those that its list here says nothing of."""

    source: str
    refused: list[str]
    unlisted: list[str]


def check_operators(operators: Iterable[str]) -> dict[str, OperatorCheck]:
    """Hold the operators of a file against every list: runtime -> what it says."""
    checks = {}
    for runtime, entry in json.loads(TABLE.read_text(encoding="utf-8")).items():
        taken, refused = set(entry["takes"]), set(entry["refuses"])
        names = sorted(set(operators))
        checks[runtime] = OperatorCheck(
            source=entry["source"],
            refused=[name for name in names if name in refused],
            unlisted=[name for name in names if name not in taken | refused],
        )
    return checks
