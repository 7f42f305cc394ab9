# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hints for messages: the nearest right thing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def did_you_mean(name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """``"; did you mean A or B?"`` for the nearest known names, or an empty string.

    Args:
        name: The name that is not known.
        known: The names that are.
        aliases: Other names of some of them, from the other name to the right one; case and underscores do not count.
    """
    for alias, right in (aliases or {}).items():
        if alias.lower().replace("_", "") == name.lower().replace("_", ""):
            return f"; did you mean {right}?"
    by_case = {candidate.lower(): candidate for candidate in known}
    if name in by_case.values():  # what is wrong is not the name
        return ""
    near = difflib.get_close_matches(name.lower(), by_case, n=3, cutoff=0.65)
    return f"; did you mean {' or '.join(by_case[match] for match in near)}?" if near else ""
