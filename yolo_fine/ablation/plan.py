# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an ablation will do: its runs in their order, and the arguments that must not change when it goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolo_fine.ablation.arms import Arm
from yolo_fine.errors import ArgumentError
from yolo_fine.utils.files import write_json

PLAN = "plan.json"


@dataclass(frozen=True)
class Run:
    """One training: an arm with a seed. Runs of one ``pair`` are compared with each other."""

    arm: Arm
    pair: int

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return self.pair + self.arm.seed_offset

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.arm.slug}-seed{self.seed}"


@dataclass(frozen=True)
class Plan:
    """An ablation as asked for.

    Attributes:
        arms: The models; the baseline is among them.
        baseline: Name of the arm that the others are compared with.
        seeds: Seeds of every arm.
        data: Dataset YAML.
        weights: Pretrained checkpoint for all arms that are YAMLs, or None.
        metric: The metric that decides, named before the first run.
        detect: A difference worth detecting, in points of that metric.
        evaluation: Arguments of the evaluation.
        training: Arguments of every training.
        fingerprint: Of the images and labels.
        versions: Of the packages that decide about results.
    """

    arms: tuple[Arm, ...]
    baseline: str
    seeds: tuple[int, ...]
    data: str
    weights: str | None
    metric: str
    detect: float
    evaluation: dict[str, Any]
    training: dict[str, Any]
    fingerprint: str
    versions: dict[str, str]

    @property
    def runs(self) -> list[Run]:
        """All runs, all arms of one seed after another, so that a stopped ablation is already a fair comparison."""
        return [Run(arm, seed) for seed in self.seeds for arm in self.arms]

    def to_dict(self) -> dict[str, Any]:
        """As in ``plan.json``."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]  # tuples become lists, as in the file


def keep_plan(plan: Plan, folder: Path) -> None:
    """Write the plan into its folder, or check that it is the one which is there.

    More seeds than before are no difference: the runs that are there stay, and others follow.

    Raises:
        ArgumentError: The folder holds an ablation with other arguments; the message says which.
    """
    file = folder / PLAN
    if file.is_file():
        differences = compare_plans(read_plan(file), plan.to_dict())
        if differences:
            raise ArgumentError(f"out={folder} holds an ablation with other arguments: {'; '.join(differences)}")
    elif folder.is_dir() and any(path for path in folder.iterdir() if not path.name.startswith(".")):
        raise ArgumentError(f"out={folder} holds other files; name a new or an empty folder")
    write_json(file, plan.to_dict())


def read_plan(file: Path) -> dict[str, Any]:
    """The plan of an ablation's folder.

    Raises:
        ArgumentError: It can't be read.
    """
    try:
        plan: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArgumentError(f"{file} can't be read: {error}; name another folder with out=") from error
    return plan


def compare_plans(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """In words, what would make runs of both plans incomparable."""
    differences = []
    for key, now in new.items():
        before = old.get(key)
        if key == "seeds" or before == now:
            continue
        if isinstance(now, dict) and isinstance(before, dict):
            names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
            differences += [f"{name} was {before.get(name)!r}, is {now.get(name)!r}" for name in names]
        elif key == "arms":
            lists = [", ".join(arm["name"] for arm in arms) for arms in (before or [], now)]
            differences.append(f"models were {lists[0]}, are {lists[1]}")
        else:
            differences.append(f"{key} was {before!r}, is {now!r}")
    return differences
