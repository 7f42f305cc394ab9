# SPDX-License-Identifier: AGPL-3.0-or-later
"""The procedural set follows the VisDrone summary."""

import pytest
from smallobjects_statistics import comparison, group_medians, main, summarize_sample

from yolo_fine.smallobjects.objects import GROUP_CLASSES, NAMES, VISDRONE_GROUPS
from yolo_fine.smallobjects.visdrone_statistics import load_statistics


@pytest.fixture(scope="module")
def sample():
    return summarize_sample(60)


@pytest.fixture(scope="module")
def visdrone():
    return load_statistics("val")


def test_boxes_per_image(sample, visdrone):
    assert sample["boxes_per_image_mean"] == pytest.approx(visdrone["boxes_per_image_mean"], rel=0.25)


def test_shares_by_size(sample, visdrone):
    for name, tolerance in (("small", 0.08), ("medium", 0.08), ("large", 0.025)):
        assert sample["share_by_area"][name] == pytest.approx(visdrone["share_by_area"][name], abs=tolerance)


def test_spread_of_sizes(sample, visdrone):
    ours, theirs = sample["all"]["side_px"], visdrone["all"]["side_px"]
    assert ours[3] == pytest.approx(theirs[3], rel=0.2)
    assert ours[5] == pytest.approx(theirs[5], rel=0.35)


def test_class_groups(sample, visdrone):
    ours = group_medians(sample, {name: tuple(NAMES[i] for i in labels) for name, labels in GROUP_CLASSES.items()})
    theirs = group_medians(visdrone, VISDRONE_GROUPS)
    for group, (share, side) in theirs.items():
        assert ours[group][0] == pytest.approx(share, abs=0.06), group
        assert ours[group][1] == pytest.approx(side, rel=0.25), group


def test_every_class_is_there_and_no_look_alike_is_rare(sample):
    shares = {name: sample["classes"][name]["share"] for name in NAMES}
    assert min(shares.values()) > 0.03


def test_ignored_regions(sample, visdrone):
    assert sample["images_with_ignored"] == pytest.approx(visdrone["images_with_ignored"], abs=0.2)
    assert sample["ignored"]["side_px"][3] == pytest.approx(visdrone["ignored"]["side_px"][3], rel=0.4)


def test_comparison_is_a_table(sample, visdrone):
    rows = comparison(sample, visdrone)
    assert rows[0] == ("images", "60", "543")
    assert all(len(row) == 3 for row in rows)


def test_command(capsys):
    assert main(["1"]) == 0
    assert "| small boxes |" in capsys.readouterr().out
    assert main(["few"]) == 2
