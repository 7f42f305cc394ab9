# SPDX-License-Identifier: AGPL-3.0-or-later
"""The arms of an ablation: ``models=yolo11n.yaml,best.pt,yolo11n+fuse:FINE+refine:EMA`` as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolo_fine.composer.compose import compose
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.model_files import locate_model_file
from yolo_fine.utils.hints import did_you_mean

COMPOSED = (
    "fuse", "upsample", "refine", "context", "conv", "downsample", "head", "neck", "p2_branch", "p2_class", "box_prior",
    "at",
)  # fmt: skip
OWN = ("imgsz", "weights")


@dataclass(frozen=True)
class Arm:
    """One model of the comparison.

    Attributes:
        name: As it was written; what the report calls it.
        base: The model YAML or checkpoint that it is, or is composed from.
        recipe: What :func:`~yolo_fine.compose` puts in, by key; empty for a model as it stands.
        imgsz: Its own input size, if it has one.
        weights: Its own pretrained checkpoint, if it has one.
        seed_offset: Added to every seed: the baseline with other seeds shows what no difference looks like.
    """

    name: str
    base: str
    recipe: tuple[tuple[str, str], ...] = ()
    imgsz: int | None = None
    weights: str | None = None
    seed_offset: int = 0

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return re.sub(r"[^\w.-]+", "-", self.name.removesuffix(".yaml")).strip("-")

    def model_file(self, folder: Path) -> str:
        """What to train: the base, or the composed YAML, which is written to ``folder``.

        Raises:
            YoloFineError: It can't be composed.
        """
        if not self.recipe:
            return self.base
        file = folder / composed_name(self)
        if not file.is_file():
            recipe: dict[str, Any] = dict(self.recipe)
            compose(self.base, out=file, **recipe)
        return str(file)


def again(arm: Arm) -> Arm:
    """The same model with other seeds."""
    return replace(arm, name=f"{arm.name} again", seed_offset=1000)


def read_arms(models: str) -> list[Arm]:
    """Read a list of models.

    Args:
        models: Names, YAMLs, checkpoints and recipes, separated by commas. A recipe is a base and what is put in, as
            ``yolo11n+fuse:FINE@p3,p4+refine:EMA+head:p2``. ``imgsz`` and ``weights`` make a model an arm with an input
            size or pretrained weights of its own, as ``yolo11n+imgsz:960``.

    Raises:
        ArgumentError: A recipe can't be read, or two arms have one name.
        MissingFileError: A model is not there.
    """
    # A comma inside brackets, or in front of another level (@p3,p4), belongs to a recipe.
    words = [word.strip() for word in re.split(r",(?![^(]*\))(?!\s*[pP]\d\s*(?:[+,]|$))", models) if word.strip()]
    arms = [read_arm(word) for word in words]
    if not arms:
        raise ArgumentError(f"models={models}: name at least two models")
    for arm in arms:
        if sum(other.slug == arm.slug for other in arms) > 1:
            raise ArgumentError(f"models={models}: '{arm.name}' is there twice; seeds= makes several runs of one model")
    return arms


def read_arm(word: str) -> Arm:
    """Read one model or recipe: see :func:`read_arms`."""
    base, *parts = re.split(r"\+(?![^(]*\))", word)
    recipe: list[tuple[str, str]] = []
    own: dict[str, str] = {}
    for part in parts:
        key, colon, value = part.partition(":")
        if colon and re.fullmatch(r"\w+", key):
            known = (*COMPOSED, *OWN)
            if key not in known:
                raise ArgumentError(
                    f"{word}: '{key}' is not known{did_you_mean(key, known)}; it has {', '.join(known)}"
                )
            if key in OWN:
                own[key] = value
            else:
                recipe.append((key, value))
        elif recipe:  # fuse:FINE@p4+DilatedFusion@p3
            recipe[-1] = recipe[-1][0], f"{recipe[-1][1]}+{part}"
        else:
            raise ArgumentError(f"{word}: '{part}' has no key; write BASE+fuse:FINE+refine:EMA")
    imgsz = own.get("imgsz")
    if imgsz is not None and not imgsz.isdigit():
        raise ArgumentError(f"{word}: imgsz:{imgsz} must be a whole number")
    rest: dict[str, Any] = {"imgsz": None if imgsz is None else int(imgsz), "weights": own.get("weights")}
    if base.endswith(".pt"):
        if recipe:
            raise ArgumentError(
                f"{word}: blocks are put into a model YAML, not into weights; did you mean {base[:-3]}?"
            )
        if not Path(base).is_file():
            raise ArgumentError(f"{word}: there is no such checkpoint")
        return Arm(word, base, **rest)
    name = base if base.endswith((".yaml", ".yml")) else f"{base}.yaml"
    locate_model_file(name)
    return Arm(word, name, tuple(recipe), **rest)


def composed_name(arm: Arm) -> str:
    """A file name that keeps the base's scale letter, and the words by which Ultralytics picks a model's class."""
    return f"{Path(arm.base).stem}-{arm.slug.removeprefix(Path(arm.base).stem).strip('-')}.yaml"
