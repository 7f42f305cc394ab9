# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

from yolo_fine.utils.hints import listed


def test_a_list_that_is_cut_says_so() -> None:
    assert listed([]) == ""
    assert listed(range(3)) == "0, 1, 2"
    assert listed((letter for letter in "abcd"), shown=4) == "a, b, c, d"
    assert listed("abcde", shown=4) == "a, b, c, d and 1 more"
