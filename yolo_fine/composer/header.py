# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a composed YAML says of itself: the command that made it, and stock comments that would no longer be true."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from yolo_fine.composer.document import Document
from yolo_fine.integration.model_names import read_name, with_scale

HEADER = "# Made by: "


def adapt_wording(document: Document, words: Mapping[str, str | None], scale: str) -> None:
    """Put the command above the text, and mend what the comments say of the model's name, scales and size.

    Args:
        document: The composed YAML; changed in place.
        words: The command's arguments: ``base``, ``out`` (a file name, or None) and what was asked for.
        scale: The scale letter of the base, or an empty string. A file whose name has no place for a letter keeps only
            that scale: Ultralytics would take the first one, whatever the base was.
    """
    base, out = words["base"] or "", words["out"]
    text = re.sub(r"^#.*\d layers, .*\n|[ ]*#[^#\n]*\d layers, .*", "", document.prelude, flags=re.MULTILINE)
    if out and scale and read_name(out) is None:
        text = re.sub(rf"^ +(?!{scale})[nslmx]: *\[.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"(scales:.*), i\.e\..*", rf"\1 (this file: {scale})", text)
    elif out:
        text = rename(text, Path(base).name.removesuffix(".yaml"), out.removesuffix(".yaml"))
    command = " ".join(f"{key}={shlex.quote(value)}" for key, value in words.items() if value)
    document.prelude = f"{HEADER}yolo-fine compose {command}\n{text}"


def rename(text: str, base: str, out: str) -> str:
    """Put the new name where stock comments name the file, with and without scale letter."""
    for scale in ("", "n"):
        old, new = (with_scale(f"{name}.yaml", scale) for name in (base, out))
        text = re.sub(rf"(?<![\w-]){re.escape(old)}", new, text)
    return text


def set_key(document: Document, key: str, value: float, comment: str) -> None:
    """Write a key above the rows, in place of the one that is there, or below the number of classes."""
    line = f"{key}: {value:g} # {comment}\n"
    text, count = re.subn(rf"^{key}:.*\n", line, document.prelude, flags=re.MULTILINE)
    if not count:
        text, count = re.subn(r"^nc:.*\n", lambda match: match.group() + line, text, count=1, flags=re.MULTILINE)
    document.prelude = text if count else line + text
