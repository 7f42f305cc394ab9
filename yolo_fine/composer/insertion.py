# SPDX-License-Identifier: AGPL-3.0-or-later
"""Blocks put into a neck: which levels offer a place to which kind of block, and the cut for each kind.

==========  ===========================================================================================
kind        place at a level
==========  ===========================================================================================
fuse        the top-down fusion: in Concat's stead, or in front of it on the lateral map, or (for a block
            that also wants a finer map) behind the map that Detect reads; a block that puts out several
            maps stands behind all that Detect reads, see :func:`insert_across`
upsample    the upsampler of the top-down step that produces the level
context     the lateral map on its way to the top-down fusion; at the coarsest level the backbone's end
refine      behind the map that Detect reads
conv        the same
==========  ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yolo_fine.block_spec import BlockSpec
from yolo_fine.composer.anatomy import Anatomy, Step
from yolo_fine.composer.document import Document, Layer


def places(spec: BlockSpec, anatomy: Anatomy) -> list[int]:
    """Levels, finest first, at which a block of this kind and with these inputs has a place."""
    if spec.kind in ("refine", "conv") or spec.gives_maps:
        return sorted(anatomy.outputs)
    if spec.kind == "context":
        return [*sorted(anatomy.steps), anatomy.coarsest]
    if spec.kind == "fuse" and 0.5 in spec.strides:
        return [level for level in sorted(anatomy.outputs) if level in anatomy.steps and level - 1 in anatomy.backbone]
    if spec.kind == "fuse" and 4 in spec.strides:
        return [level for level in sorted(anatomy.steps) if level + 1 in anatomy.steps]
    return sorted(anatomy.steps)


def insert(document: Document, anatomy: Anatomy, spec: BlockSpec, args: list[Any], level: int) -> Layer:
    """Put a block into the neck at a level that :func:`places` lists.

    Returns:
        The row that names the block.
    """
    row_args = args_at(spec, args, max(anatomy.coarsest - 1 - level, 0))
    if spec.kind == "fuse":
        return _fuse(document, anatomy, spec, row_args, level)
    if spec.kind == "upsample":
        return _upsample(document, anatomy.steps[level], spec, row_args)
    if spec.kind == "context":
        return _context(document, anatomy, spec, row_args, level)
    return _behind_output(document, anatomy, level, Layer([anatomy.outputs[level]], spec.name, row_args))


def insert_across(
    document: Document, anatomy: Anatomy, spec: BlockSpec, args: list[Any], levels: Sequence[int]
) -> Layer:
    """Put a block that reads and puts out several maps between the maps of these levels and Detect.

    Returns:
        The row that names the block; below it, one row of Pick a level.
    """
    finest_first = sorted(levels)
    outputs = [anatomy.outputs[level] for level in finest_first]
    row_args = args_at(spec, args, max(anatomy.coarsest - 1 - finest_first[0], 0))
    named = ", ".join(f"P{level}" for level in finest_first)
    new = Layer([*outputs], spec.name, row_args, is_list=True, before="\n", comment=f"{{n}}: {named} at once")
    picks = [Layer([new], "Pick", [i], comment=f"{{n}} {level_tag(level)}") for i, level in enumerate(finest_first)]
    document.insert_after(max(outputs, key=document.rows.index), new, *picks)
    for level, output, pick in zip(finest_first, outputs, picks, strict=True):
        document.redirect(output, pick, [anatomy.detect])
        output.comment = output.comment.removesuffix(level_tag(level)).strip()
        anatomy.outputs[level] = pick
    return new


def args_at(spec: BlockSpec, args: list[Any], depth: int) -> list[Any]:
    """A row's arguments: those of the place, unless the user has given them.

    Args:
        spec: The block.
        args: The user's arguments: positional ones, then perhaps a mapping.
        depth: Levels below the coarsest lateral map.
    """
    fitting = spec.arguments_at(depth) if spec.arguments_at else []
    keywords = args[-1] if args and isinstance(args[-1], dict) else {}
    named = {parameter.name for parameter in spec.parameters[: len(fitting) - (spec.out == "arg")]}
    if len(args) > bool(keywords) or named & set(keywords):
        return args
    return [*fitting, *args]


def _behind_output(document: Document, anatomy: Anatomy, level: int, new: Layer) -> Layer:
    """Insert a row behind the map that Detect reads; whatever read that map, the bottom-up path too, reads the row."""
    output = anatomy.outputs[level]
    document.redirect(output, new)
    document.insert_after(output, new)
    tag = level_tag(level)
    if output.comment.endswith(tag):
        output.comment = output.comment[: -len(tag)].strip()
    new.comment = f"{{n}} {tag}"
    anatomy.outputs[level] = new
    return new


def _context(document: Document, anatomy: Anatomy, spec: BlockSpec, args: list[Any], level: int) -> Layer:
    if level == anatomy.coarsest:
        end = document.backbone[-1]
        new = Layer([end], spec.name, args, comment=f"{{n}}: P{level} with context")
        document.redirect(end, new)
        document.insert_after(end, new)
        for step in anatomy.steps.values():
            step.coarse = new if step.coarse is end else step.coarse
        return new
    step = anatomy.steps[level]
    new = Layer([step.lateral], spec.name, args, comment=f"{{n}}: lateral P{level} with context")
    return _onto_lateral(document, step, new)


def _upsample(document: Document, step: Step, spec: BlockSpec, args: list[Any]) -> Layer:
    if spec.inputs != 1:  # guided by the fine map
        step.upsampler.sources = [step.coarse if stride == 2 else step.lateral for stride in spec.strides]
        step.upsampler.is_list, step.upsampler.offsets = True, []
        if step.lateral in document.head and _above(document, step.upsampler, step.lateral):
            document.head.remove(step.upsampler)
            document.insert_before(step.fusion, step.upsampler)
    step.upsampler.rewrite(spec.name, args)
    return step.upsampler


def _fuse(document: Document, anatomy: Anatomy, spec: BlockSpec, args: list[Any], level: int) -> Layer:
    step = anatomy.steps[level]
    by_stride: dict[float, Layer]
    if 0.5 in spec.strides and not _refines(spec):  # in Concat's stead, with the backbone's finer map
        by_stride = {2: step.coarse, 1: step.lateral, 0.5: anatomy.backbone[level - 1]}
        return _replace_fusion(document, step, spec, args, [by_stride[stride] for stride in spec.strides])
    if 0.5 in spec.strides:
        finer = anatomy.outputs.get(level - 1)
        if finer is None or not _above(document, finer, anatomy.outputs[level]):
            finer = anatomy.backbone[level - 1]
        by_stride = {2: step.coarse, 1: anatomy.outputs[level], 0.5: finer}
        new = Layer([by_stride[stride] for stride in spec.strides], spec.name, args, is_list=True)
        return _behind_output(document, anatomy, level, new)
    if not spec.strides or set(spec.strides) == {1}:
        step.fusion.rewrite(spec.name, args)
        return step.fusion
    by_stride = {2: step.coarse, 1: step.lateral}
    if 4 in spec.strides:  # three maps of the backbone, as they are on their way into the neck
        by_stride |= {4: anatomy.steps[level + 1].coarse, 2: anatomy.steps[level + 1].lateral}
    sources = [by_stride[stride] for stride in spec.strides]
    if _refines(spec):
        comment = f"{{n}}: lateral P{level}, refined before it is fused"
        return _onto_lateral(document, step, Layer([*sources], spec.name, args, is_list=True, comment=comment))
    return _replace_fusion(document, step, spec, args, sources)


def _refines(spec: BlockSpec) -> bool:
    """Whether the output is one of the inputs, refined: that of stride 1."""
    names = spec.input_names or ()
    return spec.out in names and spec.strides[names.index(spec.out)] == 1


def _replace_fusion(document: Document, step: Step, spec: BlockSpec, args: list[Any], sources: list[Layer]) -> Layer:
    """Put a block that upsamples the coarse map itself in the place of the fusion and its upsampler."""
    step.fusion.rewrite(spec.name, args)
    step.fusion.sources, step.fusion.offsets = [*sources], []
    if not document.readers(step.upsampler):
        document.head.remove(step.upsampler)
    return step.fusion


def _onto_lateral(document: Document, step: Step, new: Layer) -> Layer:
    """Let the fusion read ``new`` in place of its lateral map."""
    in_time = all(source in document.backbone or _above(document, source, step.upsampler) for source in new.sources)
    document.insert_before(step.upsampler if in_time else step.fusion, new)
    document.redirect(step.lateral, new, [step.fusion])
    step.lateral = new
    return new


def _above(document: Document, upper: Layer | None, lower: Layer) -> bool:
    """Whether ``upper`` stands above ``lower`` in the head."""
    rows = document.rows
    return upper is None or rows.index(upper) < rows.index(lower)


def level_tag(level: int) -> str:
    """How stock YAMLs mark a map that Detect reads: ``(P3/8-small)``."""
    names = {2: "xsmall", 3: "small", 4: "medium", 5: "large", 6: "xlarge"}
    return f"(P{level}/{2**level}-{names[level]})" if level in names else f"(P{level}/{2**level})"
