# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine blocks``: the blocks with their costs, or one block's documentation."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import Any

from yolo_fine.block_spec import KINDS
from yolo_fine.catalog import get_block, list_blocks
from yolo_fine.costs.block_facts import CHANNELS, SIZE, BlockFacts, block_facts
from yolo_fine.errors import ArgumentError
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import width
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.paths import StrPath
from yolo_fine.utils.plain import plain
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

MEANING = {
    "fuse": "bring two or more maps together",
    "upsample": "double the size of a map",
    "downsample": "halve the size of a map",
    "refine": "weigh channels or places of a map",
    "context": "widen what a cell sees",
    "conv": "take the place of a convolution",
    "pick": "take one map of a row that puts out several",
}


@dataclass(frozen=True, repr=False)
class BlockList(Result):
    """Facts of blocks; ``documentation`` is that of the block, where one was asked for by name."""

    facts: list[BlockFacts]
    documentation: str = ""

    def to_dict(self) -> list[dict[str, Any]]:
        """The facts of each block."""
        return [asdict(fact) for fact in self.facts]

    def summary(self) -> str:
        """The names by kind."""
        named = {kind: [fact.name for fact in self.facts if fact.kind == kind] for kind in KINDS}
        return "\n".join(f"{kind}: {', '.join(names)}" for kind, names in named.items() if names)

    def table(self) -> Sequence[Row]:
        """A row a block."""
        return [asdict(fact) for fact in self.facts]

    def show(self) -> list[str | Table]:
        """The list by kind, or all about one block."""
        if self.documentation:
            return [f"{describe(self.facts[0])}\n\n{self.documentation}"]
        lines: list[str | Table] = []
        for kind in KINDS:
            members = [fact for fact in self.facts if fact.kind == kind]
            if members:
                title = f"{kind}: {MEANING[kind]}"
                lines += [Table([list_row(fact) for fact in members], title=title, wraps="what it does"), ""]
        lines.append(f"yolo-fine blocks NAME describes one; costs are those at {CHANNELS} channels on {SIZE}x{SIZE}")
        return lines


@public
def describe_blocks(name: str | None = None, kind: str | None = None, json: StrPath | None = None) -> BlockList:
    """List all blocks, those of one kind, or describe one block.

    Args:
        name: Describe this block only.
        kind: List the blocks of this kind only.
        json: Write the facts to this file too.

    Raises:
        UnknownBlockError: No block has that name.
        ArgumentError: There is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise ArgumentError(f"kind={kind} is none of {', '.join(KINDS)}{did_you_mean(kind, KINDS)}")
    shown = [get_block(name)] if name else list_blocks(kind)
    facts = [block_facts(spec, with_onnx=bool(name)) for spec in shown]
    found = BlockList(facts, plain(inspect.getdoc(shown[0].cls) or "no documentation") if name else "")
    if json is not None:
        found.to_json(json)
    return found


def list_row(fact: BlockFacts) -> Row:
    """One block in the list."""
    return {
        "block": fact.name,
        "parameters (k)": None if fact.parameters is None else f"{fact.parameters / 1e3:.1f}",
        "MMACs": None if fact.mmacs is None else f"{fact.mmacs:.0f}",
        "starts as": fact.starts_as,
        "evidence": fact.origin,
        "what it does": plain(fact.summary),
    }


def wrapped_signature(signature: str, columns: int) -> str:
    """A signature in lines of at most so many characters, broken between arguments."""
    start, _, rest = signature.partition("(")
    if len(signature) <= columns or not rest:
        return signature
    glued = [argument.replace(" ", "\0") for argument in rest.split(", ")]
    lines = fill(", ".join(glued), columns, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return f"{start}(\n{lines}".replace("\0", " ")


def cost_text(fact: BlockFacts) -> str:
    """``4.1 k parameters, 7 MMACs, ``, or nothing if the block could not be built here."""
    if fact.parameters is None or fact.mmacs is None:
        return ""
    return f"{fact.parameters / 1e3:.1f} k parameters, {fact.mmacs:.0f} MMACs, "


def describe(fact: BlockFacts) -> str:
    """One block's facts in several lines."""
    onnx = {True: "yes", False: "no", None: "not tried (onnx is not installed)"}[fact.onnx]
    return "\n".join(
        [
            wrapped_signature(fact.signature, min(100, width())),
            f"  kind        {fact.kind}: {MEANING[fact.kind]}",
            f"  paper       {fact.paper or 'none'} ({fact.origin})",
            f"  cost        {cost_text(fact)}at {CHANNELS} channels on {SIZE}x{SIZE}",
            f"  starts as   {fact.starts_as}",
            f"  ONNX        {onnx}",
        ]
    )
