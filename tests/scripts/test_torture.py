# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the torture script counts, how it ends what it started, and what it writes into its page."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("torture", "torturing")]:
        del sys.modules[name]


def test_rows_count_what_was_lost_and_left():
    from torturing.rows import Row

    row = Row("kill: eval")
    row.count()
    row.count(lost="the earlier result")
    row.count(left=".o.part-1")
    assert (row.tried, row.survived, row.lost, row.left) == (3, 1, 1, 1)
    assert row.details == ["kill: eval: the earlier result", "kill: eval: left behind: .o.part-1"]


def test_rows_of_a_page_are_replaced_by_kind_and_summed(tmp_path):
    from torture import MARKS, write_page
    from torturing.rows import Row

    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARKS[0]}\n{MARKS[1]}\nafter\n")
    write_page(page, [Row("kill: eval", 4, 3, 1, 0), Row("race of 4: seed", 2, 2)])
    write_page(page, [Row("kill: eval", 20, 20)])
    text = page.read_text()
    assert "| kill: eval | 20 | 20 | 0 | 0 |\n| race of 4: seed | 2 | 2 | 0 | 0 |\n" in text
    assert "| **all** | **22** | **22** | **0** | **0** |" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_children_are_heard_and_killed(tmp_path):
    from torturing.children import run, start

    def speak() -> int:
        print("x" * 200_000)
        print("yolo-fine: no", file=sys.stderr)
        return 2

    ended = run(speak, tmp_path)
    assert ended.is_one_message
    assert len(ended.out) == 200_001
    child = start(lambda: time.sleep(60) or 0, tmp_path)
    assert child.poll()
    child.kill()
    assert child.wait().code == -9


def test_hostile_files_are_made(tmp_path):
    """What they are offered to reads them; here is that they are there and that nobody's data are needed."""
    from torturing.hostile import OFFERS

    assert len(OFFERS) >= 20
    for number, name in enumerate(("image that says it is huge", "archive that reaches outside", "model in latin 1")):
        place = tmp_path / str(number)
        place.mkdir()
        words = OFFERS[name](place)
        assert words[0] in ("data", "compose")
        assert list(place.iterdir())
