# SPDX-License-Identifier: AGPL-3.0-or-later
"""Result files: written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError


def write_json(file: Path, result: Any) -> None:
    """Write ``result`` as JSON: see :func:`write_text`."""
    write_text(file, json.dumps(result, indent=2) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write a text file through a temporary one beside it, so that no reader ever sees half of it.

    Raises:
        ArgumentError: The file can't be written there.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        raise ArgumentError(f"{file} can't be written: {error.strerror or error}") from error
