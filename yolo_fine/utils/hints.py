# SPDX-License-Identifier: AGPL-3.0-or-later
"""Parts of messages: the nearest right thing, and lists of bounded length."""

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


def listed(names: Iterable[object], shown: int = 8) -> str:
    """``"a, b, c and 5 more"``, so that a list that is cut does not look whole.

    Args:
        names: What is listed, in this order.
        shown: How many at most are named.
    """
    named = [str(name) for name in names]
    more = f" and {len(named) - shown} more" if len(named) > shown else ""
    return ", ".join(named[:shown]) + more
