# SPDX-License-Identifier: AGPL-3.0-or-later
"""A result is a few lines on a terminal, a table in a notebook, a JSON file, and a data frame where pandas is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from yolo_fine.utils.results import Result


@dataclass(frozen=True, repr=False)
class Scores(Result):
    scores: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def summary(self) -> str:
        return f"{len(self.scores)} classes\nbest < 1"

    def table(self) -> Sequence[dict[str, Any]]:
        return [{"class": name, "AP": value} for name, value in self.scores.items()]


RESULT = Scores({"car & van": 0.123456, "bus": None})


def test_it_prints_its_summary() -> None:
    assert repr(RESULT) == "2 classes\nbest < 1"


def test_a_notebook_shows_the_table() -> None:
    shown = RESULT._repr_html_()
    assert "2 classes<br>best &lt; 1" in shown
    assert "<th>class</th><th>AP</th>" in shown
    assert "<tr><td>car &amp; van</td><td>0.1235</td></tr><tr><td>bus</td><td></td></tr>" in shown
    assert "<tbody></tbody>" in Scores({})._repr_html_()


def test_a_command_prints_its_summary_unless_it_has_more_to_show() -> None:
    assert RESULT.to_text() == "2 classes\nbest < 1"


def test_it_is_written_as_json(tmp_path: Path) -> None:
    RESULT.to_json(str(tmp_path / "scores.json"))
    assert json.loads((tmp_path / "scores.json").read_text()) == {"scores": {"car & van": 0.123456, "bus": None}}


def test_it_becomes_a_data_frame() -> None:
    pytest.importorskip("pandas")
    frame = RESULT.to_dataframe()
    assert list(frame.columns) == ["class", "AP"]
    assert frame["class"].tolist() == ["car & van", "bus"]
