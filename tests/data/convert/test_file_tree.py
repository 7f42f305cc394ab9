# SPDX-License-Identifier: AGPL-3.0-or-later
"""Archives that claim to hold more than they do, or far more than they should."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from pathlib import PurePosixPath

import pytest

from tests.data.convert.downloads import pack, visdrone_split
from tests.formats.test_coco_files import INSTANCES
from yolo_fine.data.convert.coco import convert_coco
from yolo_fine.data.convert.file_tree import ZipTree
from yolo_fine.data.convert.visdrone import convert_visdrone
from yolo_fine.errors import DataError

ROW = b"10,20,30,40,1,4,0,0\n"
LARGE = 64 * 2**20


def test_a_file_that_expands_a_thousandfold(tmp_path):
    visdrone_split(tmp_path / "VisDrone2019-DET-val", images=2)
    archive = tmp_path / "packed" / "VisDrone2019-DET-val.zip"
    archive.parent.mkdir()
    pack(tmp_path / "VisDrone2019-DET-val", archive)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("annotations/bomb.txt", ROW * (LARGE // len(ROW)))
        packed.writestr("images/bomb.jpg", b"")
    tracemalloc.start()
    with pytest.raises(DataError, match=r"claims to expand from [\d,]+ to 67,[\d,]+ bytes, more than 100-fold"):
        convert_visdrone(archive, tmp_path / "out")
    assert tracemalloc.get_traced_memory()[1] < LARGE / 8
    tracemalloc.stop()
    assert not (tmp_path / "out").exists()


def test_many_files_that_expand_together(tmp_path):
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(60):
            packed.writestr(f"annotations/{number}.txt", b"\n" * 2**20)
    with pytest.raises(DataError, match=r"many\.zip claims to expand"):
        ZipTree(archive)


def test_a_file_that_is_larger_than_it_claims(tmp_path):
    """What is unpacked is what the entry claims, and a wrong sum of it ends in a message."""
    archive = tmp_path / "lies.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("annotations/a.txt", ROW * 100)
    content = archive.read_bytes().replace((100 * len(ROW)).to_bytes(4, "little"), (50).to_bytes(4, "little"))
    archive.write_bytes(content)
    with pytest.raises(DataError, match="can't be unpacked"):
        ZipTree(archive).read(PurePosixPath("annotations/a.txt"))


def test_annotations_that_expand_as_usual(tmp_path):
    """Rows of digits shrink to a tenth or less."""
    source = tmp_path / "coco"
    (source / "annotations").mkdir(parents=True)
    annotations = [
        dict(INSTANCES["annotations"][0], id=number, bbox=[number % 90, 2, 30, 40]) for number in range(20_000)
    ]
    with zipfile.ZipFile(source / "annotations_trainval.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("annotations/instances_val.json", json.dumps({**INSTANCES, "annotations": annotations}))
    with pytest.raises(DataError, match="has no images of val"):
        convert_coco(source)


def test_archives_that_need_a_password_or_another_method(tmp_path):
    archive = tmp_path / "locked.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.txt", ROW)
    content = bytearray(archive.read_bytes())
    for start in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[start] |= 1  # the flag of an encrypted entry
    archive.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"can't be unpacked .*password"):
        ZipTree(archive).read(PurePosixPath("a.txt"))
