# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ``yolo-fine`` command."""

from yolo_fine.cli.command import main

__all__ = ["main"]
