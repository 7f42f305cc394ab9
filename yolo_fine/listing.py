# SPDX-License-Identifier: AGPL-3.0-or-later
"""The list of blocks as a reader sees it: ``yolo-fine blocks``."""

from __future__ import annotations

import inspect
from pathlib import Path

from yolo_fine.registry import KINDS, get_block, list_blocks
from yolo_fine.results import write_json


def show_blocks(name: str | None = None, kind: str | None = None, json: Path | None = None) -> None:
    """Print all blocks, those of one kind, or one block's documentation.

    Args:
        name: Describe this block only.
        kind: List the blocks of this kind only.
        json: Write what is shown to this file too.

    Raises:
        UnknownBlockError: No block has that name.
    """
    shown = [get_block(name)] if name else list_blocks(kind)
    for spec in shown:
        origin = "" if spec.origin == "paper" else f"  [{spec.origin}]"
        summary = (inspect.getdoc(spec.cls) or "").split("\n", maxsplit=1)[0]
        print(f"{spec.kind:<9}{spec.signature}{origin}\n{'':9}{summary}")
        if spec.paper:
            print(f"{'':9}{spec.paper}")
    if name:
        print("\n" + (inspect.getdoc(shown[0].cls) or ""))
    if not shown:
        print(f"no block of kind '{kind}'; kinds are {', '.join(KINDS)}")
    if json:
        fields = ("name", "kind", "signature", "origin", "paper")
        write_json(json, [{field: getattr(spec, field) for field in fields} for spec in shown])
