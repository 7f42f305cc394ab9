# SPDX-License-Identifier: AGPL-3.0-or-later
"""Compares the procedural set with the VisDrone summary it follows.

``python benchmarks/smallobjects_statistics.py [IMAGES]`` draws that many val images at the default size (200 if not
said) and prints the comparison as a Markdown table.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from visdrone_summaries import summarize_split, table_of

from yolo_fine.smallobjects.dataset import make_image
from yolo_fine.smallobjects.labels import visdrone_text
from yolo_fine.smallobjects.objects import GROUP_CLASSES, NAMES, VISDRONE_GROUPS
from yolo_fine.smallobjects.visdrone_statistics import load_statistics

TIMED = 20  # images drawn for the timing


def summarize_sample(images: int, size: int = 1024, scale: float = 1.0, seed: int = 0) -> dict[str, Any]:
    """Draw ``images`` val images (arguments as for ``make_image``) and summarise them like VisDrone's."""
    tables = []
    for index in range(images):
        _, annotations, regions = make_image("val", index, size=size, scale=scale, seed=seed)
        tables.append(table_of(visdrone_text(annotations, regions)))
    return summarize_split(tables, np.full(images, float(size * size)), ("ignored", *NAMES))


def group_medians(summary: dict[str, Any], groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[float, float]]:
    """Share of boxes and geometric mean of the box sides (pixels) of groups of classes."""
    classes = summary["classes"]
    found = {}
    for group, names in groups.items():
        members = [classes[name] for name in names if name in classes]
        share = sum(member["share"] for member in members)
        log_side = sum(member["share"] * member["side_log_mean"] for member in members) / max(share, 1e-9)
        found[group] = (share, float(np.exp(log_side)))
    return found


def comparison(sample: dict[str, Any], visdrone: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of (what, sample, VisDrone)."""
    rows = [("images", str(sample["images"]), str(visdrone["images"]))]
    for key, name in (
        ("boxes_per_image", "boxes per image"),
        ("ignored_per_image", "ignored regions per image"),
    ):
        rows.append((f"{name}, mean", f"{sample[key + '_mean']:.1f}", f"{visdrone[key + '_mean']:.1f}"))
        rows.append((f"{name}, 5 / 50 / 95 %", _three(sample[key], ".0f"), _three(visdrone[key], ".0f")))
    rows.append(
        (
            "images with ignored regions",
            f"{sample['images_with_ignored']:.0%}",
            f"{visdrone['images_with_ignored']:.0%}",
        )
    )
    for name in ("small", "medium", "large"):
        rows.append((f"{name} boxes", f"{sample['share_by_area'][name]:.1%}", f"{visdrone['share_by_area'][name]:.1%}"))
    for key, name in (("all", "box side"), ("ignored", "ignored region's side")):
        rows.append(
            (
                f"{name}, px, 5 / 50 / 95 %",
                _three(sample[key]["side_px"], ".0f"),
                _three(visdrone[key]["side_px"], ".0f"),
            )
        )
    rows.append(
        (
            "width / height, 5 / 50 / 95 %",
            _three(sample["all"]["aspect"], ".2f"),
            _three(visdrone["all"]["aspect"], ".2f"),
        )
    )
    for key, name in (("between_log_std", "between"), ("within_log_std", "within")):
        rows.append(
            (f"spread of log size {name} images", f"{sample['scale'][key]:.2f}", f"{visdrone['scale'][key]:.2f}")
        )
    ours = {group: tuple(NAMES[label] for label in labels) for group, labels in GROUP_CLASSES.items()}
    sample_groups, visdrone_groups = group_medians(sample, ours), group_medians(visdrone, VISDRONE_GROUPS)
    for group, names in ours.items():
        pair = [f"{found[group][0]:.1%}, {found[group][1]:.1f} px" for found in (sample_groups, visdrone_groups)]
        rows.append((f"{group} ({', '.join(names)}): share, mean side", pair[0], pair[1]))
    return rows


def _three(quantiles: list[float], form: str) -> str:
    """The 5, 50 and 95 % quantiles of a summary's seven."""
    return " / ".join(format(quantiles[index], form) for index in (1, 3, 5))


def main(arguments: list[str]) -> int:
    """Print the comparison; returns the exit status."""
    if len(arguments) > 1 or not all(argument.isdigit() and int(argument) > 0 for argument in arguments):
        print("usage: python benchmarks/smallobjects_statistics.py [IMAGES]", file=sys.stderr)
        return 2
    images = int(arguments[0]) if arguments else 200
    sample = summarize_sample(images)
    print("| | procedural, 1024 x 1024 | VisDrone2019-DET val |\n|---|---|---|")
    for name, ours, theirs in comparison(sample, load_statistics("val")):
        print(f"| {name} | {ours} | {theirs} |")
    print()
    for size in (640, 1024):
        start = time.process_time()
        for index in range(TIMED):
            make_image("val", index, size=size)
        print(f"{(time.process_time() - start) / TIMED * 1000:.0f} ms of processor time per {size} x {size} image")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
