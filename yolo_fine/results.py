# SPDX-License-Identifier: AGPL-3.0-or-later
"""Result files: written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_json(file: Path, result: Any) -> None:
    """Write ``result`` as JSON through a temporary file beside ``file``, so that no reader ever sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    temporary.replace(file)
