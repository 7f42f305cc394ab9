# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keys of a model YAML that concern its head: ``box_prior``, ``p2_branch``, ``p2_class``; followed when it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yolo_fine.integration import box_prior, branch_width


@dataclass(frozen=True)
class HeadSettings:
    """What a YAML asks of its head.

    Attributes:
        prior: How many strides fresh boxes reach to each side; None or 0 leaves them as Ultralytics makes them.
        shares: Hidden channels of the branches at stride 4 as shares of their map's; None leaves them as wide as
            Ultralytics makes them.
    """

    prior: float | None = None
    shares: branch_width.BranchShares | None = None


def read_head_settings(model: dict[str, Any] | None, file: str) -> HeadSettings:
    """The settings in a model YAML.

    Raises:
        ModelYamlError: The value of a key can't be used.
    """
    return HeadSettings(box_prior.read_box_prior(model, file), branch_width.read_branch_shares(model, file))


def has_head_settings(model: dict[str, Any] | None) -> bool:
    """Whether a model YAML was written for this package, though it may name no block."""
    return bool({box_prior.KEY, branch_width.KEY, branch_width.CLASS_KEY} & set(model or {}))


def follow_when_built(head: Any, settings: HeadSettings) -> None:
    """Let a head that is being built follow its settings once Ultralytics knows the strides and sets the biases."""
    if not (settings.prior or settings.shares) or not hasattr(head, "bias_init"):
        return

    def bias_init() -> None:
        del head.bias_init  # ours, which would else stay in checkpoints
        if settings.shares:
            branch_width.narrow_branches(head, settings.shares)
        head.bias_init()
        if settings.prior:
            box_prior.set_box_prior(head, range(head.nl), settings.prior)

    head.bias_init = bias_init
