# SPDX-License-Identifier: AGPL-3.0-or-later
"""The reading list names every block, each under its own paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yolo_fine import list_blocks
from yolo_fine.block_spec import BlockSpec

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "reading-list.md").read_text()
PACKAGED = [spec for spec in list_blocks() if spec.cls.__module__.startswith("yolo_fine.")]


def rows() -> list[list[str]]:
    """The cells of every row of a table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:2] == "| "]


@pytest.mark.parametrize("spec", PACKAGED, ids=lambda spec: spec.name)
def test_every_block_stands_beside_its_paper(spec: BlockSpec) -> None:
    named = [cells for cells in rows() if re.search(rf"`{spec.name}`", cells[1])]
    assert named
    number = spec.paper.rsplit("/", 1)[-1]
    if "arxiv.org" in spec.paper:
        assert any(number in cells[0] for cells in named)


def test_only_blocks_that_exist_are_named() -> None:
    named = {word for cells in rows() for word in re.findall(r"`(\w*[A-Z]\w*)`", cells[1])}
    assert named - {spec.name for spec in PACKAGED} == {"AIFI"}  # which is Ultralytics' own


def test_what_is_not_carried_has_a_reason() -> None:
    without = [cells for cells in rows() if cells[1].startswith("none")]
    assert {"SETR", "hard", "temporal"} <= {word for cells in without for word in re.findall(r"\w+", cells[0])}
    assert all(len(cells[2]) > 20 for cells in without)
