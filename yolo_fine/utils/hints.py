# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hints for messages: the nearest right thing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean A or B?"`` for the nearest known names, or an empty string."""
    by_case = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), by_case, n=3, cutoff=0.65)
    return f"; did you mean {' or '.join(by_case[match] for match in near)}?" if near else ""
