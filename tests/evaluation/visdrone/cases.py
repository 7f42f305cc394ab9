# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cases with the metrics that the official Matlab code gives (run under Octave 7.3).

``edge_*`` have one rule each, ``fuzz_*`` are random; both are synthetic. Cases made from VisDrone's own files may not
be copied: the environment variable YOLO_FINE_VISDRONE_CASES names a folder that holds some.
"""

from __future__ import annotations

import os
from pathlib import Path

from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.formats.visdrone_files import read_annotations, read_detections

FOLDER = Path(__file__).parent / "cases"
MORE = os.environ.get("YOLO_FINE_VISDRONE_CASES")


def packaged_cases() -> list[Path]:
    return sorted(FOLDER.iterdir())


def real_cases() -> list[Path]:
    if MORE is None:
        return []
    return sorted(folder.parent for folder in Path(MORE).glob("*/annotations"))


def load(case: Path) -> tuple[GroundTruth, Detections]:
    truth = read_annotations(case / "annotations", sizes_file=case / "sizes.txt")
    return truth, read_detections(case / "detections", truth)
