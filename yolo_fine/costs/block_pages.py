# SPDX-License-Identifier: AGPL-3.0-or-later
"""The blocks as a reader sees them: ``yolo-fine blocks``, and the page of documentation."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from pathlib import Path

from yolo_fine.catalog import get_block, list_blocks
from yolo_fine.costs.block_facts import CHANNELS, SIZE, BlockFacts, block_facts
from yolo_fine.errors import ArgumentError
from yolo_fine.registry import KINDS
from yolo_fine.utils.files import write_json, write_text

SCHEMATICS = {
    "fuse": """coarse map ──┬── upsample ──┐
             └──(guides)──┐  ├── [fuse] ──> C3k2 ──> finer map
lateral map ──────────────┴──┘             in Concat's place, or in front of it on the lateral map""",
    "upsample": """coarse map ──> [upsample] ──┐
                            ├── Concat ──> C3k2 ──> finer map
lateral map ────────────────┘             in the place of nn.Upsample""",
    "refine": """C3k2 ──> [refine] ──┬──> Detect
                    └──> bottom-up path   behind a map that Detect reads; the same shape comes out""",
    "context": """backbone ──> lateral map ──> [context] ──> Concat   on a lateral map, or behind the backbone;
                                                    the same shape comes out""",
    "conv": """map ──> [conv] ──> map   where a convolution or a stage stands""",
}
MEANING = {
    "fuse": "bring two or more maps together",
    "upsample": "double the size of a map",
    "refine": "weigh channels or places of a map",
    "context": "widen what a cell sees",
    "conv": "take the place of a convolution",
}
PAGE = """# Blocks

What a model YAML may name, by kind. Parameters and 10^6 multiply-accumulates (convolutions and matrix products, eval
mode) are those of a block whose output has 128 channels on 80 x 80 cells (P3 of a 640 x 640 image); a coarser input
has 256 channels on 40 x 40, a finer one 64 on 160 x 160. "Starts as" is what a fresh block puts out. Evidence: *paper*
follows published code or equations, *reconstruction* fills gaps of a paper without code, *adaptation* carries an idea
to a neck. ONNX: exported at one size and compared with PyTorch at another.

{sections}
Made by `yolo-fine blocks docs=docs/blocks.md`.
"""


def show_blocks(
    name: str | None = None, kind: str | None = None, json: Path | None = None, docs: Path | None = None
) -> None:
    """Print all blocks, those of one kind, or one block's documentation.

    Args:
        name: Describe this block only.
        kind: List the blocks of this kind only.
        json: Write what is shown to this file too.
        docs: Write the page of documentation about all blocks to this file.

    Raises:
        UnknownBlockError: No block has that name.
        ArgumentError: There is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise ArgumentError(f"kind={kind} is none of {', '.join(KINDS)}")
    shown = [get_block(name)] if name else list_blocks(kind)
    facts = [block_facts(spec, with_onnx=bool(name or docs)) for spec in shown]
    if name:
        print(describe(facts[0]) + "\n\n" + (inspect.getdoc(shown[0].cls) or ""))
    else:
        for group in KINDS:
            members = [fact for fact in facts if fact.kind == group]
            if members:
                print(f"{group}: {MEANING[group]}")
                print("\n".join(line(fact) for fact in members) + "\n")
        print("yolo-fine blocks NAME describes one; costs are at 128 channels on 80x80")
    if json:
        write_json(json, [asdict(fact) for fact in facts])
    if docs:
        write_text(docs, page([fact for fact in facts if get_block(fact.name).cls.__module__.startswith("yolo_fine.")]))


def line(fact: BlockFacts) -> str:
    """One block in the list: name and costs, what it does, the accepted row."""
    origin = "" if fact.origin == "paper" else f" [{fact.origin}]"
    facts = f"starts as {fact.starts_as}" if fact.parameters is not None else fact.starts_as
    return f"  {fact.name:<16}{costs(fact)}{facts}{origin}\n    {fact.summary}\n    {fact.signature}"


def costs(fact: BlockFacts) -> str:
    """``4.1 k parameters, 7 MMACs, ``, or nothing if the block could not be built here."""
    if fact.parameters is None or fact.mmacs is None:
        return ""
    return f"{fact.parameters / 1e3:.1f} k parameters, {fact.mmacs:.0f} MMACs, "


def describe(fact: BlockFacts) -> str:
    """One block's facts in several lines."""
    place = f"{CHANNELS} channels on {SIZE}x{SIZE}"
    onnx = {True: "yes", False: "no", None: "not tried (onnx is not installed)"}[fact.onnx]
    return "\n".join(
        [
            fact.signature,
            f"  kind        {fact.kind}: {MEANING[fact.kind]}",
            f"  paper       {fact.paper or 'none'} ({fact.origin})",
            f"  cost        {costs(fact)}at {place}",
            f"  starts as   {fact.starts_as}",
            f"  ONNX        {onnx}",
        ]
    )


def page(facts: list[BlockFacts]) -> str:
    """The page of documentation."""
    sections = []
    for kind in KINDS:
        members = [fact for fact in facts if fact.kind == kind]
        if not members:
            continue
        rows = [
            f"| `{fact.name}` | {fact.summary} | {link(fact)} | {fact.origin} "
            f"| {fact.parameters or 0:,} | {fact.mmacs or 0:.0f} "
            f"| {fact.starts_as} | {'yes' if fact.onnx else 'no'} |"
            for fact in members
        ]
        signatures = "\n".join(fact.signature for fact in members)
        sections.append(
            f"## {kind}: {MEANING[kind]}\n\n```text\n{SCHEMATICS[kind]}\n```\n\n"
            "| block | what it does | paper | evidence | parameters | MMACs | starts as | ONNX |\n"
            "|---|---|---|---|---:|---:|---|---|\n" + "\n".join(rows) + f"\n\n```text\n{signatures}\n```\n"
        )
    return PAGE.format(sections="\n".join(sections))


def link(fact: BlockFacts) -> str:
    """The paper as a Markdown link."""
    return f"[{fact.paper.rsplit('/', 1)[-1]}]({fact.paper})" if fact.paper else ""
