# SPDX-License-Identifier: AGPL-3.0-or-later
"""Arguments that fit a place in the neck, by its depth below the coarsest lateral map."""

from __future__ import annotations


def cells_of_the_coarsest_map(depth: int) -> list[int]:
    """The row's ``sr`` where the map lies ``depth`` levels below the coarsest lateral: 1, 2, 4, then 8."""
    return [2 ** min(depth, 3)]


def tokens_of_the_coarsest_map(depth: int) -> list[int]:
    """The row's ``stride`` where the fine map lies ``depth`` levels below the coarsest lateral: 1, 2, then 4."""
    return [2 ** min(depth, 2)]
