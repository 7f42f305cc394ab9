# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a comparison says in words, and which files it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.evaluation.comparison import in_words, read_manifest


@pytest.mark.parametrize(
    ("difference", "low", "high", "sentence"),
    [
        (0.012, 0.004, 0.02, "AP rose by 1.20 points (95% interval of the difference +0.40 to +2.00): beyond noise"),
        (-0.012, -0.02, 0.004, "AP fell by 1.20 points (95% interval of the difference -2.00 to +0.40): within noise"),
        (0.0, 0.0, 0.0, "AP did not change (95% interval of the difference +0.00 to +0.00): within noise"),
        (
            2e-5,
            -1e-4,
            1e-4,
            "AP changed by less than 0.01 points (95% interval of the difference -0.01 to +0.01): within noise",
        ),
        (0.012, None, None, "AP rose by 1.20 points; its interval is not defined (why)"),
        (None, None, None, "AP: the difference is not defined (why)"),
    ],
)
def test_words(difference: float | None, low: float | None, high: float | None, sentence: str) -> None:
    beyond = None if low is None or high is None else low > 0 or high < 0
    found = {"difference": difference, "low": low, "high": high, "beyond_noise": beyond, "reason": "why"}
    assert in_words("AP", found, 100, 0.95) == sentence


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a JSON file"),
        ("[]", "is not an eval.json"),
        (json.dumps({"manifest": 1}), "is not an eval.json"),
        (json.dumps({"manifest": {}, "schema": 0}), "has the schema 0, this version reads 1"),
    ],
)
def test_what_is_no_evaluation(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "eval.json"
    file.write_text(content)
    with pytest.raises(DataError, match=message):
        read_manifest(file)


def test_a_folder_stands_for_its_evaluation(tmp_path: Path) -> None:
    manifest: dict[str, Any] = {"max_det": 500}
    (tmp_path / "eval.json").write_text(json.dumps({"manifest": manifest, "schema": 1}))
    assert read_manifest(tmp_path) == manifest
    with pytest.raises(MissingFileError, match="does not exist"):
        read_manifest(tmp_path / "nowhere")
