# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes pages of ``docs/``: ``python scripts/make_pages.py [commands] [cost] ...``; without words, all.

``blocks`` and ``models`` consist of facts of the code, ``cost`` and ``study`` of committed measurements, in
``docs/cost`` and ``docs/study``. A test compares the latter two with what this writes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from command_pages import command_pages
from cost_page import cost_page
from study_page import study_page

from yolo_fine.block_spec import KINDS
from yolo_fine.catalog import get_block
from yolo_fine.costs.block_facts import BlockFacts, block_facts
from yolo_fine.costs.block_list import MEANING, describe_blocks
from yolo_fine.costs.model_costs import list_models
from yolo_fine.utils.tables import Table

DOCS = Path(__file__).resolve().parents[1] / "docs"
SCHEMATICS = {
    "fuse": """coarse map ──┬── upsample ──┐
             └──(guides)──┐  ├── [fuse] ──> C3k2 ──> finer map
lateral map ──────────────┴──┘             in Concat's place, or in front of it on the lateral map""",
    "upsample": """coarse map ──> [upsample] ──┐
                            ├── Concat ──> C3k2 ──> finer map
lateral map ────────────────┘             in the place of nn.Upsample""",
    "downsample": """finer map ──> [downsample] ──> coarser map   in the place of a convolution of stride 2,
                                             in the backbone and in the bottom-up path""",
    "refine": """C3k2 ──> [refine] ──┬──> Detect
                    └──> bottom-up path   behind a map that Detect reads; the same shape comes out""",
    "context": """backbone ──> lateral map ──> [context] ──> Concat   on a lateral map, or behind the backbone;
                                                    the same shape comes out""",
    "conv": """map ──> [conv] ──> map   where a convolution or a stage stands""",
    "pick": """block with several outputs ──┬──> [pick] ──> P3
                             └──> [pick] ──> P4   one row a map; the block is computed once""",
}
BLOCKS = """# Blocks

What a model YAML may name, by kind. Parameters and 10^6 multiply-accumulates (convolutions and matrix products, eval
mode) are those of a block whose output has 128 channels on 80 x 80 cells (P3 of a 640 x 640 image); a coarser input
has 256 channels on 40 x 40, a finer one 64 on 160 x 160. "Starts as" is what a fresh block puts out. Evidence: *paper*
follows published code or equations, *reconstruction* fills gaps of a paper without code, *adaptation* carries an idea
to a neck. ONNX: exported at one size and compared with PyTorch at another.

Of FINE, the paper's abstract could be read and the authors' code of ten months before; so its default form is a
reconstruction. Published form: `FINE` with `{{modulation: mul}}`, which reproduces the tensors of that code. Attention:
`linear` (the form that the authors' figures for YOLOs are of) or `softmax`; the abstract's attention weights, and its
order of magnitude less cost, are shown by their softmax figures only. Which block carries which paper, and which
systems have none: [reading-list.md](reading-list.md).

{sections}
Made by `python scripts/make_pages.py blocks`.
"""
MODELS = """# Packaged models

Each is used by bare name with a scale letter, from any folder: `yolo train model=yolo11n-fine.yaml ...`. Counted with
80 classes. GFLOPs are 2 x multiply-accumulates of convolutions and matrix products on a 640 x 640 image in training,
for stock and ours alike. (Ultralytics' own count has a few element-wise layers too, and extrapolates from a small
image.)

| variant | what is added to the stock model |
|---|---|
| `-fine` | FINE before both top-down fusions |
| `-fineconcat` | FINEConcat in place of both top-down Concat rows |
| `-ema` | EMA behind every map that Detect reads |
| `-dysample` | DySample, with a gain, in place of both upsamplers |
| `-dilated` | DilatedContext on the P3 lateral, DilatedFusion into the P3 output |
| `-aff`, `-lccm` | AFF in place of both top-down Concat rows; LCCM on the lateral maps |
| `-ldaaqu`, `-carafe` | those upsamplers, with a gain, in place of both |
| `-cbam`, `-mscam`, `-res2net`, `-dcdc` | behind every map that Detect reads |
| `-gc`, `-rfb` | on every lateral map and behind the backbone |
| `-small` | no block: levels P2 to P4, a narrow box branch at stride 4, for small objects ([why](study.md)) |

{table}

Made by `python scripts/make_pages.py models`.
"""


def blocks_page() -> str:
    """All packaged blocks by kind, with costs, evidence and signatures."""
    facts = [block_facts(get_block(fact.name), with_onnx=True) for fact in describe_blocks().facts]
    return BLOCKS.format(sections="\n".join(section(kind, facts) for kind in KINDS))


def section(kind: str, facts: Sequence[BlockFacts]) -> str:
    """The blocks of one kind."""
    members = [fact for fact in facts if fact.kind == kind]
    rows = [
        f"| `{fact.name}` | {fact.summary} | {link(fact)} | {fact.origin} "
        f"| {fact.parameters or 0:,} | {fact.mmacs or 0:.0f} "
        f"| {fact.starts_as} | {'yes' if fact.onnx else 'no'} |"
        for fact in members
    ]
    signatures = "\n".join(fact.signature for fact in members)
    return (
        f"## {kind}: {MEANING[kind]}\n\n```text\n{SCHEMATICS[kind]}\n```\n\n"
        "| block | what it does | paper | evidence | parameters | MMACs | starts as | ONNX |\n"
        "|---|---|---|---|---:|---:|---|---|\n" + "\n".join(rows) + f"\n\n```text\n{signatures}\n```\n"
    )


def link(fact: BlockFacts) -> str:
    """The paper as a Markdown link."""
    return f"[{fact.paper.rsplit('/', 1)[-1]}]({fact.paper})" if fact.paper else ""


def models_page() -> str:
    """The packaged models at every scale."""
    return MODELS.format(table=Table(list_models(scales="nsmlx").table()).to_markdown())


PAGES: dict[str, Callable[[], dict[str, str]]] = {
    "blocks": lambda: {"blocks.md": blocks_page()},
    "models": lambda: {"models.md": models_page()},
    "commands": command_pages,
    "cost": lambda: {"cost.md": cost_page(DOCS / "cost")},
    "study": lambda: {"study.md": study_page(DOCS / "study")},
}

if __name__ == "__main__":
    if {"--help", "-h"} & set(sys.argv):
        sys.exit(print(__doc__))
    for made in sys.argv[1:] or PAGES:
        for name, page in PAGES[made]().items():
            (DOCS / name).parent.mkdir(exist_ok=True)
            (DOCS / name).write_text(page, encoding="utf-8")
            print(f"docs/{name}")
