# SPDX-License-Identifier: AGPL-3.0-or-later
"""Arms the integration when Ultralytics is imported, in whichever process that happens."""

from __future__ import annotations


def enable() -> None:
    """Arm the integration (placeholder until the seam is in)."""
