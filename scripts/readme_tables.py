# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the README's tables of evidence, blocks and commands: ``python scripts/readme_tables.py``.

A test compares the committed README with what this writes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study_page import STUDIES, interval

from yolo_fine.catalog import list_blocks
from yolo_fine.cli.verbs import VERBS
from yolo_fine.costs.block_list import MEANING

SHOWN = (
    "class_branch_nine_seeds", "class_branch_new_seeds", "class_branch", "hit_uav_small", "branch_width_to_stock",
    "drone_ir", "drone_ir_finalists", "drone_ir_wide",
)  # fmt: skip
README = Path(__file__).resolve().parents[1] / "README.md"


def renewed(text: str) -> str:
    """The README's text with its tables as they are now."""
    blocks = [("kind", "they", "blocks")]
    for kind, meaning in MEANING.items():
        names = [spec.name for spec in list_blocks(kind) if spec.cls.__module__.startswith("yolo_fine.")]
        blocks.append((kind, meaning, ", ".join(f"`{name}`" for name in names)))
    verbs = [("command", "what it does"), *((f"`yolo-fine {name}`", verb.purpose) for name, verb in VERBS.items())]
    for name, rows in (("evidence", evidence()), ("blocks", blocks), ("commands", verbs)):
        text = with_table(text, name, rows)
    return text


def evidence() -> list[tuple[str, ...]]:
    """The comparisons that the README shows: under the metric that decides, and the recall of small objects."""
    rows = [("study", "model", "AP_small, 95 %", "verdict", "AR_small (\\* beyond noise)", "seeds", "GFLOPs")]
    for study in SHOWN:
        report = json.loads((STUDIES / study / "report.json").read_text(encoding="utf-8"))
        recalls = {one["model"]: one for one in report["comparisons"] if one["metric"] == "AR_small"}
        for one in report["comparisons"]:
            if one["metric"] == "AP_small":
                cost, recall = report["costs"][one["model"]]["gflops_ratio"], recalls[one["model"]]
                star = " \\*" if recall["verdict"] == "beyond noise" else ""
                found = interval(one), short_verdict(one), f"{interval(recall)}{star}", str(one["seeds"]), f"{cost:.2f}"
                rows.append((study, f"`{one['model']}`", *found))
    return rows


def short_verdict(one: dict[str, Any]) -> str:
    """The verdict without its reason, which the page of the study has."""
    alone = "; beyond noise alone, not among all" if "beyond noise alone" in f"{one['verdict']} {one['reason']}" else ""
    return str(one["verdict"]).partition(":")[0] + alone


def with_table(text: str, name: str, rows: Sequence[Sequence[str]]) -> str:
    """The text with a table between the two comments of that name."""
    start, end = f"<!-- {name}: python scripts/readme_tables.py -->\n", f"<!-- end of {name} -->"
    before, rest = text.split(start)
    _, after = rest.split(end)
    ruler = ["---"] * len(rows[0])
    table = "".join(f"| {' | '.join(row)} |\n" for row in (rows[0], ruler, *rows[1:]))
    return before + start + table + end + after


if __name__ == "__main__":
    if {"--help", "-h"} & set(sys.argv):
        sys.exit(print(__doc__))
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(README.name)
