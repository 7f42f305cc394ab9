# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the table of ``scripts/torture.py`` says of one kind of fault."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Row:
    """Counts of one kind of fault.

    Attributes:
        what: What was done to what.
        tried: How often.
        survived: How often all was as it should be.
        lost: How often a result was lost, wrong, or could not be made again, or the message was none for people.
        left: How often something unfinished was left behind.
        details: What was wrong, a line each.
    """

    what: str
    tried: int = 0
    survived: int = 0
    lost: int = 0
    left: int = 0
    details: list[str] = field(default_factory=list)

    def count(self, *, lost: str = "", left: str = "") -> None:
        """Count one trial; the texts say what was wrong."""
        self.tried += 1
        self.lost += bool(lost)
        self.left += bool(left)
        self.survived += not (lost or left)
        self.details += [f"{self.what}: {text}" for text in (lost, left and f"left behind: {left}") if text]
