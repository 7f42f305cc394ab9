# SPDX-License-Identifier: AGPL-3.0-or-later
"""What says which images belong together, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolo_fine.errors import ArgumentError, DataError, MissingFileError
from yolo_fine.evaluation.groups import Groups, read_groups

CLIPS = ("val/a_1", "val/b_1", "val/a_2", "val/b_2", "val/a_3")
SEQUENCES = ("0000001_02999_d_0000005", "0000001_03499_d_0000006", "0000022_00000_d_0000004")


def labels(groups: Groups) -> list[int]:
    return groups.index.tolist()


def test_a_regular_expression_names_the_clip() -> None:
    groups = read_groups(r"([a-z])_\d+", CLIPS, "coco")
    assert labels(groups) == [0, 1, 0, 1, 0]
    assert groups.to_dict() == {"by": r"([a-z])_\d+", "groups": 2, "effective_groups": 25 / 13}


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_by_default_every_image_is_a_group(kind: str) -> None:
    assert labels(read_groups(None, SEQUENCES, kind)) == [0, 1, 2]
    assert labels(read_groups(None, (), kind)) == []


def test_visdrones_sequences_are_the_default_where_all_names_have_their_form() -> None:
    assert labels(read_groups(None, SEQUENCES, "visdrone")) == [0, 0, 1]
    assert labels(read_groups("images", SEQUENCES, "visdrone")) == [0, 1, 2]
    assert labels(read_groups(None, (*SEQUENCES, "a"), "visdrone")) == [0, 1, 2, 3]
    assert labels(read_groups(None, CLIPS, "visdrone")) == [0, 1, 2, 3, 4]


def test_a_file_names_the_groups(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_bytes(
        b"\xef\xbb\xbfimage,fps,group\r\na_1.jpg,5,A\r\nval/b_1.png,5,B\r\nval\\a_2,5,A\r\nb_2,5,B\r\na_3,5,A\r\nz,5,Z\r\n"
    )
    assert labels(read_groups(file, CLIPS, "coco")) == [0, 1, 0, 1, 0]
    assert read_groups(str(file), CLIPS, "coco").by == str(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,group\na_1,A\n", "has no column 'image'; its first line must name the columns image,group"),
        ("", "has no column 'image'"),
        ("image,group\na_1,\n", "line 2: an image and its group are needed"),
        ("image,group\na_1\n", "line 2: an image and its group are needed"),
        ("image,group\na_1,A\na_1.jpg,B\n", "line 3: a_1.jpg is in group A already"),
        ("image,group\na_1,A\nb_1,A\n", "names no group for 3 of 5 images, the first is val/a_2"),
        ("image,group\n\xff,A\n", "can't be read"),
    ],
)
def test_a_file_that_can_not_be_used(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "clips.csv"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        read_groups(file, CLIPS, "coco")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (r"([a-z", r"groups=\(\[a-z is no regular expression \(.*\), as groups="),
        (r"[a-z]_\d", "is neither 'images', nor a CSV file, nor a regular expression with a group in parentheses"),
        (r"(a)_\d", "finds no group in 2 of 5 image names, the first is val/b_1"),
        (r"(a)?.*", "finds no group in 5 of 5 image names"),
    ],
)
def test_an_expression_that_can_not_be_used(groups: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        read_groups(groups, CLIPS, "coco")


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("image,group\n")
    with pytest.raises(MissingFileError, match=r"does not exist; did you mean clips\.csv"):
        read_groups(tmp_path / "clip.csv", CLIPS, "coco")
