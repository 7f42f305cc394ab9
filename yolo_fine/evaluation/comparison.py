# SPDX-License-Identifier: AGPL-3.0-or-later
"""Compares two evaluations of the same images: paired differences, their intervals, and what they say in words.

The images are drawn again with replacement, the same ones for both (a paired bootstrap): what makes an image hard is
common to both and cancels out. The interval covers the choice of images, not the luck of one training run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.evaluation.manifest import check_comparable, differing_arguments
from yolo_fine.evaluation.result import DETECTIONS, EVALUATION, SCHEMA
from yolo_fine.formats.coco_files import read_results
from yolo_fine.formats.objects import Detections, GroundTruth


@dataclass(frozen=True)
class Other:
    """The evaluation that another one is compared with.

    Attributes:
        file: Its ``eval.json``.
        detections: Its boxes, from the file beside it.
        differing: Arguments of the two predictions that differ: name -> [here, there].
        manifest: Its manifest.
    """

    file: Path
    detections: Detections
    differing: dict[str, list[Any]]
    manifest: dict[str, Any]


def read_other(file: Path, manifest: dict[str, Any], truth: GroundTruth) -> Other:
    """Read an evaluation for a comparison with one that has ``manifest``.

    Raises:
        MissingFileError: A file is not there.
        DataError: A file can't be read.
        ArgumentError: It is another measurement.
    """
    theirs = read_manifest(file)
    check_comparable(manifest, theirs, file)
    detections = (file if file.is_dir() else file.parent) / DETECTIONS
    if not detections.is_file():
        raise MissingFileError(f"compare={file}: {detections} is needed for a paired comparison and does not exist")
    return Other(file, read_results(detections, truth), differing_arguments(manifest, theirs), theirs)


def read_manifest(file: Path) -> dict[str, Any]:
    """The manifest of an ``eval.json``.

    Raises:
        MissingFileError: There is no such file.
        DataError: It is no ``eval.json``, or one of another version.
    """
    if file.is_dir():
        file = file / EVALUATION
    if not file.is_file():
        raise MissingFileError(f"compare={file} does not exist; name the eval.json of another evaluation")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"compare={file} is not a JSON file: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("manifest"), dict):
        raise DataError(f"compare={file} is not an eval.json: it has no manifest")
    if content.get("schema") != SCHEMA:
        raise DataError(f"compare={file} has the schema {content.get('schema')}, this version reads {SCHEMA}")
    manifest: dict[str, Any] = content["manifest"]
    return manifest


def in_words(metric: str, found: dict[str, Any], scale: float, confidence: float) -> str:
    """What a paired difference says, for a reader: ``AP_small rose by 1.2 points (... +0.4 to +2.0): beyond noise``.

    Args:
        metric: Name of the metric.
        found: What :func:`yolo_fine.evaluation.bootstrap.compare` says of it.
        scale: 100 for fractions, 1 for percent.
        confidence: Of the interval.
    """
    value, low, high = found["difference"], found["low"], found["high"]
    if value is None:
        return f"{metric}: the difference is not defined ({found['reason']})"
    points = abs(value) * scale
    moved = f"{'rose' if value > 0 else 'fell'} by {points:.2f} points"
    if points < 0.005:
        moved = "changed by less than 0.01 points" if value else "did not change"
    if low is None or high is None:
        return f"{metric} {moved}; its interval is not defined ({found['reason']})"
    interval = f"{confidence:.0%} interval of the difference {low * scale:+.2f} to {high * scale:+.2f}"
    return f"{metric} {moved} ({interval}): {'beyond noise' if found['beyond_noise'] else 'within noise'}"
