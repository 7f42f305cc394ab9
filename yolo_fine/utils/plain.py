# SPDX-License-Identifier: AGPL-3.0-or-later
"""Docstrings as plain text, without reStructuredText's marks."""

from __future__ import annotations

import re

ROLE = re.compile(r":[a-z]+(?::[a-z]+)?:`~?([^`]+)`")
LINK = re.compile(r"`([^`<]+?)\s*<([^>]+)>`_{1,2}")


def plain(text: str) -> str:
    """Roles become names (``:class:`~a.b.C``` is C), literals stand in quotes, formulas lose their marks."""
    text = ROLE.sub(lambda role: _target(role[0], role[1]), text)
    text = LINK.sub(r"\1 (\2)", text)
    text = re.sub(r"``([^`]+)``", r"'\1'", text)
    text = re.sub(r"^(\s*)\.\. ([a-z]+)::[ \t]*", r"\1", text, flags=re.MULTILINE)
    return re.sub(r"::(?=\n|$)", ":", text)


def _target(role: str, inner: str) -> str:
    name = re.sub(r"\s*<[^>]+>$", "", inner)
    return name.rsplit(".", 1)[-1] if "`~" in role else name.lstrip(".")
