# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fingerprints: equal for equal annotations, different for any other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.formats.fingerprint import data_fingerprint, fingerprint, text_fingerprint
from yolo_fine.formats.objects import GroundTruth

TRUTH = GroundTruth(
    names=("a", "b"),
    sizes=np.array([[640, 480], [320, 240]]),
    classes={1: "car", 2: "bus"},
    image=np.array([0, 0, 1]),
    boxes=np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]),
    category=np.array([1, 2, 1]),
    area=np.array([12.0, 56, 132]),
    crowd=np.array([False, False, True]),
)


def test_the_value_stays_what_it_is():
    """Results of different versions are compared by it."""
    expected = "c082bd4e38e2b5f3fda167adeb9e9dd89f4dab51161ffbd166b0f06b751fbff2"
    assert fingerprint(["a"], [np.arange(3)]) == expected
    assert fingerprint(["a"], [np.arange(3, dtype=np.int32)]) == expected
    assert fingerprint(["a"], [np.array([0.0])]) == fingerprint(["a"], [np.array([-0.0])])


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["ab"], [np.arange(4)]),
        (["b", "a"], [np.arange(4)]),
        (["a", "b"], [np.arange(4).reshape(2, 2)]),
        (["a", "b"], [np.arange(4.0)]),
        (["a", "b"], [np.arange(2), np.arange(2, 4)]),
        (["a", "b", ""], [np.arange(4)]),
    ],
)
def test_names_values_and_shapes_count(names, columns):
    assert fingerprint(names, columns) != fingerprint(["a", "b"], [np.arange(4)])


def test_the_order_of_images_does_not_count():
    turned = GroundTruth(
        names=("b", "a"),
        sizes=TRUTH.sizes[::-1],
        classes=TRUTH.classes,
        image=np.array([0, 1, 1]),
        boxes=TRUTH.boxes[[2, 0, 1]],
        category=TRUTH.category[[2, 0, 1]],
        area=TRUTH.area[[2, 0, 1]],
        crowd=TRUTH.crowd[[2, 0, 1]],
    )
    assert data_fingerprint(turned) == data_fingerprint(TRUTH)


@pytest.mark.parametrize(
    "changed",
    [
        {"names": ("a", "c")},
        {"classes": {1: "car", 3: "bus"}},
        {"sizes": TRUTH.sizes + 1},
        {"image": np.array([0, 1, 1])},
        {"boxes": TRUTH.boxes + 0.25},
        {"category": np.array([1, 2, 2])},
        {"area": TRUTH.area / 2},
        {"crowd": np.array([False, False, False])},
    ],
)
def test_everything_that_is_annotated_counts(changed):
    assert data_fingerprint(replace(TRUTH, **changed)) != data_fingerprint(TRUTH)


def test_line_ends_and_trailing_commas_of_files_do_not_count(tmp_path):
    for name, end in (("unix", "\n"), ("windows", "\r\n"), ("commas", ",\n\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "b.txt").write_bytes(f"1,2{end}3,4{end}".encode())
        (tmp_path / name / "a.txt").write_bytes(f"5,6{end}".encode())
    assert len({data_fingerprint(tmp_path / name) for name in ("unix", "windows", "commas")}) == 1
    assert data_fingerprint(tmp_path / "unix") == text_fingerprint({"a": b"5,6", "b": b"1,2\n3,4"})
    assert data_fingerprint(tmp_path / "unix") != text_fingerprint({"a": b"5,6", "b": b"3,4\n1,2"})
    assert data_fingerprint(tmp_path / "unix") != text_fingerprint({"a": b"5,6\n1,2", "b": b"3,4"})


def test_a_single_file_counts_byte_by_byte(tmp_path):
    file = tmp_path / "instances.json"
    file.write_bytes(b"{}")
    assert data_fingerprint(file) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_nothing_to_hash_is_an_error(tmp_path):
    with pytest.raises(DataError, match="has no annotation files"):
        data_fingerprint(tmp_path)
    with pytest.raises(MissingFileError, match="no such file or folder"):
        data_fingerprint(tmp_path / "nowhere")
