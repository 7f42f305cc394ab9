# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model with other levels or another neck, built after each step to find the places that it has then."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import yaml

from yolo_fine.composer.anatomy import Anatomy, find_anatomy
from yolo_fine.composer.document import Document
from yolo_fine.composer.finer_head import Finer, add_finer_level
from yolo_fine.composer.header import set_key
from yolo_fine.composer.levels import add_coarser_level, detect_at, prune, unread_rows
from yolo_fine.composer.necks import change_neck
from yolo_fine.composer.shape import Shape
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.dry_run.rows import DryRun
from yolo_fine.integration.max_stride import KEY


def reshaped(document: Document, anatomy: Anatomy, model: dict[str, Any], shape: Shape) -> tuple[Document, Anatomy]:
    """The document with the levels and the neck that are asked for, and its places.

    Raises:
        ArgumentError: It detects at P2 already, or its head has no such branches.
        ModelYamlError: A level can't be added, or the model can't be built with it.
    """
    name, had = str(model["yaml_file"]), sorted(anatomy.outputs)
    levels = shape.levels(had, name)
    if shape.is_stock:
        return document, anatomy
    while shape.neck != "none" and min(anatomy.outputs) > levels[0]:
        how = Finer(lean=shape.is_run, aside=shape.is_run and shape.neck == "stock")
        try:
            document, anatomy = with_finer_level(document, model, how)
        except ModelYamlError:  # some layers have a least width, as YOLO12's at scale n
            document, anatomy = with_finer_level(document, model, replace(how, keep_width=True))
    unread = unread_rows(document)
    change_neck(document, anatomy, shape.neck, name)
    while max(anatomy.outputs) < levels[-1]:
        add_coarser_level(document, anatomy, name)
    if missing := [level for level in levels if level not in anatomy.outputs]:
        raise ModelYamlError(f"{name}: there is no map for P{missing[0]} to be read from")
    if levels != had or shape.neck != "stock":
        detect_at(document, anatomy, levels)
        prune(document, unread)
    shape.write_keys(document, anatomy.detect.module, model, new=set(levels) - set(had))
    anatomy = examine(document, model, needs_neck=shape.neck != "none")
    coarsest = max(anatomy.backbone)
    if coarsest > levels[-1]:
        comment = "image sides are multiples of it: the backbone's coarsest stride, which the head does not read"
        set_key(document, KEY, 2**coarsest, comment)
    return document, anatomy


def with_finer_level(document: Document, model: dict[str, Any], how: Finer) -> tuple[Document, Anatomy]:
    """A copy of the document that detects one level finer, and its places.

    Raises:
        ModelYamlError: The model has no place for another level, or can't be built with it.
    """
    name = str(model["yaml_file"])
    copied = copy.deepcopy(document)
    add_finer_level(copied, examine(copied, model), how, name)
    check_every_scale(copied.render(), name)
    return copied, examine(copied, model)


def examine(document: Document, model: dict[str, Any], needs_neck: bool = True) -> Anatomy:
    """Find the places of a document, by a dry run at the scale that ``model`` names.

    Raises:
        ModelYamlError: It can't be built, or has no neck.
    """
    rows = yaml.safe_load(document.render())
    maps = DryRun({**model, "backbone": rows["backbone"], "head": rows["head"]}).outputs()
    return find_anatomy(document, maps, str(model["yaml_file"]), needs_neck)


def check_every_scale(text: str, name: str) -> None:
    """Build the composed model on the meta device at each of its scales.

    Raises:
        ModelYamlError: It can't be built; the message names the row and the scale.
    """
    model = yaml.safe_load(text)
    for scale in model.get("scales") or [""]:
        try:
            DryRun({**model, "scale": scale, "yaml_file": f"composed from {name}"}).outputs()
        except ModelYamlError as error:
            raise ModelYamlError(f"{error}" + (f" (at scale {scale})" if scale else "")) from error
