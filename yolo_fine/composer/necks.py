# SPDX-License-Identifier: AGPL-3.0-or-later
"""``neck=``: what stands between the backbone's maps and the head.

=========  ============================================================================================================
neck       what the head reads
=========  ============================================================================================================
``stock``  what the base has: in most families a top-down and a bottom-up path (PAN, arXiv 1803.01534)
``fpn``    the top-down path alone (arXiv 1612.03144)
``bifpn``  both paths, their fusions weighted sums, and the backbone's map a third input of the bottom-up fusion
           between finest and coarsest level (arXiv 1911.09070). One pass; the convolutions are the base's
``none``   the backbone's last map of each level, as SSD (arXiv 1512.02325) and MS-CNN (arXiv 1607.07155)
=========  ============================================================================================================
"""

from __future__ import annotations

from typing import Literal

from yolo_fine.composer.anatomy import Anatomy
from yolo_fine.composer.document import Document, Layer
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.parsing.vocabulary import is_read_by_the_model

Neck = Literal["stock", "bifpn", "fpn", "none"]
WEIGHTED_SUM = "WeightedAdd"


def change_neck(document: Document, anatomy: Anatomy, neck: Neck, file: str) -> None:
    """Give a model another neck; ``anatomy.outputs`` then holds what a head may read.

    Args:
        document: The model YAML; changed in place, but for the sources of its last row.
        anatomy: Its places.
        neck: The neck.
        file: Name of the YAML, for messages.

    Raises:
        ModelYamlError: The backbone has no map of a level.
    """
    if neck == "fpn":
        anatomy.outputs = {level: row for level, row in _top_down(anatomy).items() if level in anatomy.outputs}
        anatomy.bottom_up = {}
    elif neck == "bifpn":
        _sum_up(anatomy)
    elif neck == "none":
        _read_backbone(document, anatomy, file)


def _top_down(anatomy: Anatomy) -> dict[int, Layer]:
    """The map of each level at the end of its top-down step; where there is no bottom-up path, as the head reads it."""
    if not anatomy.bottom_up:
        return anatomy.outputs
    finest = min(anatomy.steps)
    return {finest: anatomy.outputs[finest], **{level + 1: step.coarse for level, step in anatomy.steps.items()}}


def _sum_up(anatomy: Anatomy) -> None:
    """Weighted sums in the places of all fusions. A level's own map comes first: the others get its channels."""
    for step in anatomy.steps.values():
        others = [source for source in step.fusion.sources if source is not step.lateral]
        _rewrite(step.fusion, [step.lateral, *others])
    for level, fusion in anatomy.bottom_up.items():
        own = anatomy.steps[level - 1].coarse if level - 1 in anatomy.steps else None
        sources = sorted(fusion.sources, key=lambda source: source is not own)
        between = anatomy.steps.get(level)  # the coarsest level has no top-down step: its own map is the backbone's
        extra = [between.lateral] if between is not None and between.lateral not in sources else []
        _rewrite(fusion, [*sources, *extra])


def _rewrite(fusion: Layer, sources: list[Layer | None]) -> None:
    fusion.rewrite(WEIGHTED_SUM, [])
    fusion.sources, fusion.offsets, fusion.is_list = sources, [], True
    fusion.comment = fusion.comment.replace("cat ", "sum with ")


def _read_backbone(document: Document, anatomy: Anatomy, file: str) -> None:
    """Outputs are the backbone's maps; what YOLO-World's model reads by itself comes from there too."""
    if not set(anatomy.outputs) & set(anatomy.backbone):
        raise ModelYamlError(f"{file}: neck=none: the backbone has no map that {anatomy.detect.module} could read")
    by_row = {id(row): level for level, row in _top_down(anatomy).items()}
    by_row |= {id(row): level for level, row in anatomy.outputs.items()}
    for reader in (row for row in document.head if is_read_by_the_model(row.module)):
        reader.sources = [anatomy.backbone.get(by_row.get(id(row), -1), row) for row in reader.sources]
    anatomy.outputs = dict(anatomy.backbone)
    anatomy.bottom_up, anatomy.steps = {}, {}
