# SPDX-License-Identifier: AGPL-3.0-or-later
"""A note in checkpoints that hold blocks: which packages, in which version, are needed to load them.

It stands in the model's YAML dictionary, under ``requires``, because that is what Ultralytics keeps with the model
through training, resuming and the final removal of the optimizer's state. Stock models get none.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

KEY = "requires"
ALWAYS_THERE = ("torch", "torchvision", "ultralytics")
OURS = "yolo_fine", "yolo-fine"  # package, distribution


def note_needed_packages(trainer: Any) -> None:
    """Callback at ``on_train_start``: write the note into the models that the trainer saves."""
    for holder in (trainer.model, getattr(trainer.ema, "ema", None)):
        write_note(getattr(holder, "module", holder))  # within DDP the model is an attribute


def write_note(network: Any) -> None:
    """Write the note into a model, or take away what an earlier architecture needed."""
    model_yaml = getattr(network, "yaml", None)
    if not isinstance(model_yaml, dict):
        return
    model_yaml.pop(KEY, None)
    if needed := needed_packages(network):
        model_yaml[KEY] = needed


def needed_packages(network: Any) -> list[str]:
    """What the layers of a model come from, beside torch and Ultralytics, as ``["timm 1.0.20", "yolo-fine 0.1.0"]``.

    A module that belongs to no installed distribution is named without version.
    """
    packages = {type(layer).__module__.partition(".")[0] for layer in network.modules()} - set(ALWAYS_THERE)
    if not packages:
        return []
    distributions = {**metadata.packages_distributions(), OURS[0]: [OURS[1]]}
    return sorted(_with_version(distributions.get(package, [package])[0]) for package in packages)


def _with_version(distribution: str) -> str:
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        return distribution
