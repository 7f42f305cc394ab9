# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine compose``: a stock model YAML with blocks put into its neck."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from yolo_fine.composer.anatomy import Anatomy
from yolo_fine.composer.document import Layer, read_document
from yolo_fine.composer.downsampling import replace_downsamplers
from yolo_fine.composer.header import HEADER, adapt_wording
from yolo_fine.composer.insertion import insert, insert_across, places
from yolo_fine.composer.necks import Neck
from yolo_fine.composer.requests import Request, read_levels, read_requests
from yolo_fine.composer.reshaping import examine, reshaped
from yolo_fine.composer.shape import Shape
from yolo_fine.errors import ArgumentError, ModelYamlError
from yolo_fine.integration.model_files import nearest_model
from yolo_fine.integration.model_names import read_name
from yolo_fine.integration.models import yaml_name
from yolo_fine.integration.parsing.rows import with_clause
from yolo_fine.integration.parsing.vocabulary import needed_in_file_name, wrong_file_name
from yolo_fine.integration.yaml_text import read_model
from yolo_fine.linter.lint import judge
from yolo_fine.utils.calls import public
from yolo_fine.utils.files import write_text
from yolo_fine.utils.paths import ModelSource, StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Table

ORDER = ("context", "upsample", "fuse", "conv", "refine")  # a lateral map gets its context before FINE refines it


@dataclass(frozen=True, repr=False)
class Composed(Result):
    """A composed model YAML.

    Attributes:
        base: What it was made from.
        text: The YAML.
        blocks: What was put in: ``{"block": "FINE", "level": "p3", "layer": 15}``.
        layers: Number of layers.
        out: The file that it was written to, if any.
        levels: Where it detects, as ``["p2", "p3", "p4"]``, if levels or neck are not the base's.
    """

    base: str
    text: str
    blocks: list[dict[str, Any]]
    layers: int
    out: Path | None = None
    levels: list[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Base, file and blocks, as plain values."""
        levels = {} if self.levels is None else {"levels": self.levels}
        return {"base": self.base, "out": str(self.out) if self.out else None, "blocks": self.blocks, **levels}

    def summary(self) -> str:
        """``yolo11-mine.yaml: 26 layers; FINE at 11 (p4), FINE at 15 (p3)``."""
        listed = ", ".join(f"{block['block']} at {block['layer']} ({block['level']})" for block in self.blocks)
        read = f"head reads {', '.join(self.levels)}; " if self.levels else ""
        return f"{self.out or self.base}: {self.layers} layers; {read}{listed or 'no blocks'}"

    def show(self) -> list[str | Table]:
        """What was put in where it was written to a file; else the YAML."""
        return [self.summary() if self.out else self.text.rstrip("\n")]

    def table(self) -> list[dict[str, Any]]:
        """The blocks."""
        return self.blocks


@public
def compose(
    base: ModelSource,
    *,
    fuse: str | None = None,
    upsample: str | None = None,
    downsample: str | None = None,
    refine: str | None = None,
    context: str | None = None,
    conv: str | None = None,
    head: str | None = None,
    neck: Neck = "stock",
    p2_branch: float | None = None,
    p2_class: float | None = None,
    box_prior: float | None = None,
    at: str | int | None = None,
    out: StrPath | None = None,
    json: StrPath | None = None,
) -> Composed:
    """Put blocks into the neck of a base model; the model YAML is written where a file is named.

    Args:
        base: A model YAML by name or path, as ``yolo26n`` or ``my.yaml``, or a ``YOLO`` that was built from one.
        fuse: Blocks of kind fuse for the top-down fusions, as ``FINE`` or ``FINE@p4+DilatedFusion@p3``.
        upsample: Blocks of kind upsample in place of the top-down upsamplers.
        downsample: Blocks of kind downsample in place of the convolutions that halve a map, as ``SPDConv@p3``.
        refine: Blocks of kind refine behind the maps that Detect reads.
        context: Blocks of kind context on the lateral maps, and behind the backbone.
        conv: Blocks of kind conv behind the maps that Detect reads, in front of those of kind refine.
        head: Levels to detect at, a run of them from p2 to p6, as ``p2,p3,p4``; ``p2`` alone adds stride 4 to those of
            the base.
        neck: ``stock``; ``bifpn`` (weighted sums), ``fpn`` (top-down alone) or ``none`` (the backbone's maps).
        p2_branch: Hidden channels of the box and class branches at stride 4, as a share of their map's; 0 makes them as
            wide as stock. By default 1 where a run of levels adds stride 4, else 0.
        p2_class: Those of the class branch alone; 0 makes it as wide as those of the other levels. By default as
            ``p2_branch``; 0 where that is left to its default and class branches are depthwise, as in YOLO11.
        box_prior: How many strides fresh boxes reach to each side; 0 leaves them as stock. By default 2 where ``head``
            or ``neck`` are given.
        at: Levels for all blocks that name none themselves, as ``p3,p4``; default: every place that there is.
        out: File to write. An existing file is replaced only if compose has made it.
        json: Write what was put in where to this file too.

    Raises:
        ArgumentError: Something asked for can't be understood or has no place in this model, or
            a file can't be written.
        ModelYamlError: The base has no such shape, or the result can't be built.
    """
    kinds = {"fuse": fuse, "upsample": upsample, "downsample": downsample}
    kinds |= {"refine": refine, "context": context, "conv": conv}
    asked = {kind: text for kind, text in kinds.items() if text}
    file = None if out is None else Path(out)
    if file is not None and file.exists() and not _is_composed(file):
        raise ArgumentError(f"out={file}: the file exists and was not made by compose; choose another name")
    shape = Shape(head, neck, p2_branch, box_prior, p2_class)
    composed = compose_text(yaml_name(base, "base"), asked, shape, None if at is None else str(at), file)
    if file is not None:
        write_text(file, composed.text)
    if json is not None:
        composed.to_json(json)
    return composed


def compose_text(
    base: str,
    asked: dict[str, str],
    shape: Shape | str | None = None,
    at: str | None = None,
    out: Path | None = None,
) -> Composed:
    """Compose a model YAML without writing it.

    Args:
        base: A model YAML by name or path.
        asked: The blocks by kind, in the words of the command.
        shape: Levels, neck and head settings; a text stands for the levels alone.
        at: Levels, as ``p3,p4``, or None.
        out: The file's name, which decides whether one scale or all are kept.

    Raises:
        ArgumentError: Something asked for can't be understood or has no place in this model.
        ModelYamlError: The base has no such shape, or the result can't be built.
    """
    if not isinstance(shape, Shape):
        shape = Shape(shape)
    shape.check()
    if not asked and shape.is_stock:
        raise ArgumentError(
            "nothing to do: name blocks (fuse=, upsample=, downsample=, refine=, context=, conv=), head=p2,p3,p4 or "
            "neck=bifpn"
        )
    default = read_levels(at) if at else None
    requests = {kind: read_requests(kind, text, default) for kind, text in asked.items()}
    if base.endswith(".pt"):
        near = nearest_model(f"{base[:-3]}.yaml").replace("mean ", "mean base=").replace(".yaml?", "?")
        raise ArgumentError(
            f"base={base}: compose cuts a model YAML, not weights{near or '; name the YAML that they were made from'}"
        )
    name = base if base.endswith((".yaml", ".yml")) else f"{base}.yaml"
    text, model = read_model(name)
    document = read_document(text, name)
    anatomy = examine(document, model)
    document, anatomy = reshaped(document, anatomy, model, shape)

    placed: list[tuple[Layer, str]] = []
    for kind in ORDER:
        for request in requests.get(kind, []):
            levels = levels_for(request, anatomy, name)
            if request.spec.gives_maps:
                row = insert_across(document, anatomy, request.spec, request.args, levels)
                placed.append((row, ",".join(f"p{level}" for level in sorted(levels))))
                continue
            for level in levels:
                placed.append((insert(document, anatomy, request.spec, request.args, level), f"p{level}"))
    replaced = replace_downsamplers(document, model, requests.get("downsample", []), name)
    placed += [(row, f"p{level}") for row, level in replaced]

    if out is not None:
        _check_name(out, [row.module for row in document.rows])
    words = {"base": base, **asked, **shape.words(), "at": at, "out": out.name if out else None}
    adapt_wording(document, words, str(model["scale"]))
    result = document.render()
    check_result(result, name, out)
    numbers = {id(row): number for number, row in enumerate(document.rows)}
    blocks: list[dict[str, Any]] = [
        {"block": row.module, "level": level, "layer": numbers[id(row)]} for row, level in placed
    ]
    blocks.sort(key=lambda block: block["layer"])
    detects_at = None if shape.is_stock else [f"p{level}" for level in sorted(anatomy.outputs)]
    return Composed(base, result, blocks, len(numbers), out, detects_at)


def _check_name(out: Path, layers: list[str]) -> None:
    """Refuse a file name under which Ultralytics can't use the model.

    Raises:
        ArgumentError: The name doesn't end in .yaml, or stands for another kind of model.
    """
    if out.suffix not in (".yaml", ".yml"):
        raise ArgumentError(f"out={out}: a model YAML's name ends in .yaml, as out={out.stem or 'mine'}.yaml")
    reason = wrong_file_name(out.name, layers)
    if reason is None:
        return
    needed = next((word for layer in layers if (word := needed_in_file_name(layer))), "")
    better = f"{out.stem}{needed}" if needed == "-world" else f"{needed}-{out.stem}"
    suggestion = f", as out={better}.yaml" if needed and needed not in out.stem else ""
    raise ArgumentError(f"out={out}: {reason}{suggestion}")


def _is_composed(file: Path) -> bool:
    try:
        return file.read_text(encoding="utf-8", errors="replace").startswith(HEADER)
    except OSError:
        return False


def recompose(file: StrPath) -> str:
    """The text that the command in a composed file's first line gives now.

    Raises:
        ArgumentError: The file's first line is no such command.
    """
    first = Path(file).read_text(encoding="utf-8").split("\n", maxsplit=1)[0]
    words = shlex.split(first.removeprefix(HEADER))
    if not first.startswith(HEADER) or words[:2] != ["yolo-fine", "compose"]:
        raise ArgumentError(f"{file}: the first line is no compose command")
    pairs = dict(word.split("=", 1) for word in words[2:])
    base, out, at = pairs.pop("base"), pairs.pop("out", None), pairs.pop("at", None)
    return compose_text(base, pairs, Shape.from_words(pairs), at, Path(out) if out else None).text


def levels_for(request: Request, anatomy: Anatomy, name: str) -> list[int]:
    """Levels to put a block at, coarsest first.

    Raises:
        ArgumentError: There is no such place; the message lists those that are.
    """
    known = places(request.spec, anatomy)
    wanted = request.levels or known
    missing = [f"p{level}" for level in wanted if level not in known]
    if request.spec.gives_maps and len(wanted) > 1 and wanted != list(range(wanted[0], wanted[-1] + 1)):
        raise ArgumentError(f"{request.spec.kind}={request.spec.name}: it reads neighbouring levels, not every second")
    if missing or not wanted:
        offered = ", ".join(f"p{level}" for level in known) or "none"
        asked = f"{request.spec.kind}={request.spec.name}@{','.join(missing)}" if missing else request.spec.name
        raise ArgumentError(f"{asked}: {name} has no such place; places for {request.spec.name} there: {offered}")
    return sorted(wanted, reverse=True)


def check_result(text: str, name: str, out: Path | None) -> None:
    """Let lint look at the composed model, at the scales of its name: what lint refuses is not written.

    Raises:
        ModelYamlError: It has problems; rows of the base that have are named as the base's.
    """
    file = str(out or name)
    asked = read_name(file) if out else None
    model = {**yaml.safe_load(text), "scale": asked.scale if asked else "", "yaml_file": f"composed from {name}"}
    problems = judge(file, model).problems
    if not problems:
        return
    of_base = [problem for problem in judge(name, read_model(name)[1]).problems if problem.layer is not None]
    problems = of_base or problems
    more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
    if of_base:
        more += "; compose takes a base that lint finds clean"
    raise ModelYamlError(with_clause(problems[0].message, more))
