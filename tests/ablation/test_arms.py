# SPDX-License-Identifier: AGPL-3.0-or-later
"""Models of an ablation as they are written on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from yolo_fine.ablation.arms import Arm, again, read_arms
from yolo_fine.errors import ArgumentError, YoloFineError


def names_and_recipes(models: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return [(arm.name, arm.recipe) for arm in read_arms(models)]


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ("yolo11n.yaml, yolo11n-fine", [("yolo11n.yaml", ()), ("yolo11n-fine", ())]),
        (
            "yolo11n+fuse:FINE+refine:EMA,yolo11s",
            [("yolo11n+fuse:FINE+refine:EMA", (("fuse", "FINE"), ("refine", "EMA"))), ("yolo11s", ())],
        ),
        ("yolo11n+head:p2,p3,p4,yolo11s", [("yolo11n+head:p2,p3,p4", (("head", "p2,p3,p4"),)), ("yolo11s", ())]),
        (
            "yolo11n+fuse:FINE@p3,p4+head:p2,yolo11n",
            [("yolo11n+fuse:FINE@p3,p4+head:p2", (("fuse", "FINE@p3,p4"), ("head", "p2"))), ("yolo11n", ())],
        ),
        (
            "yolo11n+fuse:FINE(heads=2, attn=softmax)@p4+DilatedFusion@p3,yolo11n",
            [
                (
                    "yolo11n+fuse:FINE(heads=2, attn=softmax)@p4+DilatedFusion@p3",
                    (("fuse", "FINE(heads=2, attn=softmax)@p4+DilatedFusion@p3"),),
                ),
                ("yolo11n", ()),
            ],
        ),
    ],
)
def test_models_and_recipes(models: str, expected: list[tuple[str, tuple[tuple[str, str], ...]]]) -> None:
    assert names_and_recipes(models) == expected


def test_an_arm_may_have_a_size_and_weights_of_its_own() -> None:
    bare, own = read_arms("yolo11n.yaml,yolo11n.yaml+imgsz:416+weights:other.pt")
    assert (bare.imgsz, bare.weights) == (None, None)
    assert (own.base, own.recipe, own.imgsz, own.weights) == ("yolo11n.yaml", (), 416, "other.pt")


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ("", "at least two"),
        ("yolo11n,yolo11n.yaml", "'yolo11n' is there twice; seeds= makes several runs"),
        ("yolo11n+fuze:FINE,yolo11n", "'fuze' is not known; did you mean fuse?"),
        ("yolo11n+EMA,yolo11n", "'EMA' has no key"),
        ("yolo11n+imgsz:big,yolo11n", "imgsz:big must be a whole number"),
        ("nothing.pt,yolo11n", "nothing.pt: there is no such checkpoint"),
        ("best.pt+fuse:FINE,yolo11n", "not into weights; did you mean best?"),
        ("yolo11m-finn,yolo11n", "yolo11m-fine"),
    ],
)
def test_what_can_not_be_read_is_named(models: str, words: str) -> None:
    with pytest.raises(YoloFineError) as caught:
        read_arms(models)
    assert words in str(caught.value)


def test_a_recipe_becomes_a_yaml_of_its_scale(tmp_path: Path) -> None:
    (arm, other) = read_arms("yolo11n+refine:EMA@p3,yolo11n.yaml")
    file = Path(arm.model_file(tmp_path))
    assert file.parent == tmp_path
    assert file.name == "yolo11n-refine-EMA-p3.yaml"
    rows = yaml.safe_load(file.read_text())
    assert any(row[2] == "EMA" for row in rows["head"])
    written = file.stat().st_mtime_ns
    assert arm.model_file(tmp_path) == str(file)
    assert file.stat().st_mtime_ns == written  # a second call keeps it
    assert other.model_file(tmp_path) == "yolo11n.yaml"


def test_a_recipe_that_can_not_be_composed_is_an_error(tmp_path: Path) -> None:
    (arm, _) = read_arms("yolo11n+refine:EMMA,yolo11n.yaml")
    with pytest.raises(YoloFineError, match="EMA"):
        arm.model_file(tmp_path)
    assert not any(tmp_path.iterdir())


def test_the_control_is_the_same_model_with_other_seeds() -> None:
    control = again(Arm("yolo11n.yaml", "yolo11n.yaml"))
    assert (control.name, control.base, control.seed_offset) == ("yolo11n.yaml again", "yolo11n.yaml", 1000)
    assert control.slug != Arm("yolo11n.yaml", "yolo11n.yaml").slug


def test_arms_can_not_be_argued_with() -> None:
    with pytest.raises(ArgumentError):
        read_arms("yolo11n+:FINE,yolo11n")
