# SPDX-License-Identifier: AGPL-3.0-or-later
"""Summary statistics of VisDrone2019-DET annotations: how many objects, which, how small, and how many ignored regions.

The numbers lie beside this file in ``visdrone_statistics.json``. They were computed from the annotation files of
VisDrone2019-DET (Zhu et al., "Vision Meets Drones: A Challenge", arXiv:1804.07437); no annotation row is kept. Anyone
who has the annotations can compute them again: ``python benchmarks/visdrone_summaries.py ARCHIVE_OR_FOLDER``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STATISTICS_FILE = Path(__file__).with_suffix(".json")


def load_statistics(split: str = "train") -> dict[str, Any]:
    """Return the packaged summary of one split, ``train`` or ``val``."""
    summary: dict[str, Any] = json.loads(STATISTICS_FILE.read_text(encoding="utf-8"))["splits"][split]
    return summary
