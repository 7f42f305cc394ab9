# SPDX-License-Identifier: AGPL-3.0-or-later
"""Damaged YAMLs: lint never ends in a traceback, and what it calls clean builds.

400 of them, 2,000 with YOLO_FINE_ALL=1; YOLO_FINE_FUZZ=10000 and YOLO_FINE_FUZZ_SEED=7 ask for more, or for others.
"""

from __future__ import annotations

import os
import random
import warnings

import pytest
from ultralytics import YOLO

from tests.extent import ALL
from tests.linter.mutations import mutate
from yolo_fine.errors import YoloFineError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.versions import installed_version
from yolo_fine.linter.lint import find_problems

COUNT = int(os.environ.get("YOLO_FINE_FUZZ", "2000" if ALL else "240"))
SEED = int(os.environ.get("YOLO_FINE_FUZZ_SEED", "0"))
PARTS = 8  # so that several workers share them
PACKAGED = {
    name: file.read_text()
    for name, file in packaged_files("models").items()
    if installed_version() >= (8, 4) or "26" not in name
}


@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_yamls(part, tmp_path):
    chance = random.Random(f"{SEED}/{part}")
    counts = {"clean": 0, "problems": 0, "unreadable": 0}
    built = set()
    for number in range(COUNT // PARTS):
        name = chance.choice(list(PACKAGED))
        text = mutate(PACKAGED[name], chance)
        family = name.split("-")[0]
        file = tmp_path / f"{family}n-{number}.yaml"
        (tmp_path / f"{family}-{number}.yaml").write_text(text, encoding="utf-8")
        try:
            report = find_problems(str(file))
        except YoloFineError:
            counts["unreadable"] += 1
            continue
        counts["clean" if report.clean else "problems"] += 1
        assert all(problem.message for problem in report.problems)
        if report.clean and text not in built:
            built.add(text)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    YOLO(str(file))
                except Exception as error:
                    raise AssertionError(f"called clean, but does not build:\n{text}") from error
    assert counts["clean"] >= COUNT // PARTS // 50
    assert counts["problems"] > COUNT // PARTS // 4
    assert counts["unreadable"] > 0
