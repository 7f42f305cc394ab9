# SPDX-License-Identifier: AGPL-3.0-or-later
"""The VisDrone summary: what is packaged, and how it was computed."""

import io
import json
import tarfile

import pytest
from visdrone_summaries import main, summarize_annotations, table_of

from yolo_fine.errors import DataError
from yolo_fine.smallobjects.visdrone_statistics import load_statistics

FIRST = "0,0,10,10,1,1,0,0\n5,5,40,40,1,4,0,1,\r\n1,1,100,100,1,4,0,0\n"  # small, medium, large; a comma at the end
SECOND = "0,0,30,20,0,0,0,0\n7,7,20,5,0,11,0,0\n9,9,0,4,1,4,0,0\n1,2,20,20,1,1,0,0\n"  # ignored, others, no width


@pytest.fixture
def folder(tmp_path):
    split = tmp_path / "VisDrone2019-DET-val"
    (split / "annotations").mkdir(parents=True)
    (split / "annotations/a.txt").write_text(FIRST)
    (split / "annotations/b.txt").write_text(SECOND)
    (split / "sizes.csv").write_text("name,width,height\na,100,400\nb,200,200\n")
    return tmp_path


def test_packaged_summary_has_the_published_metrics():
    val, train = load_statistics("val"), load_statistics("train")
    assert (train["images"], val["images"]) == (6471, 543)
    assert val["share_by_area"]["small"] == pytest.approx(0.686, abs=0.005)
    assert val["share_by_area"]["medium"] == pytest.approx(0.287, abs=0.005)
    assert val["share_by_area"]["large"] == pytest.approx(0.027, abs=0.005)
    assert sum(entry["share"] for entry in val["classes"].values()) == pytest.approx(1, abs=1e-3)


def test_counts_and_shares(folder):
    val = summarize_annotations(folder)["splits"]["val"]
    assert (val["images"], val["boxes"]) == (2, 4)
    assert val["share_by_area"] == {"small": 0.5, "medium": 0.25, "large": 0.25}
    assert val["classes"]["pedestrian"]["share"] == 0.5
    assert val["images_with_ignored"] == 0.5
    assert val["all"]["side_of_image"][3] == pytest.approx(0.15)


def test_archive_gives_the_same(folder, tmp_path):
    archive = tmp_path / "annotations.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder / "VisDrone2019-DET-val", "VisDrone2019-DET-val")
    assert summarize_annotations(archive) == summarize_annotations(folder)


def test_command_prints_json(folder, capsys):
    assert main([str(folder)]) == 0
    assert json.load(io.StringIO(capsys.readouterr().out))["splits"]["val"]["images"] == 2
    assert main([]) == 2
    assert main([str(folder / "absent")]) == 2


@pytest.mark.parametrize("line", ["1,2,3", "1,2,3,4,5,6,7,x", "1,2,3,4,1,1,0,0,0"])
def test_malformed_line_is_named(line):
    with pytest.raises(DataError, match=r"a\.txt, line 2"):
        table_of(f"0,0,1,1,1,1,0,0\n{line}\n", "a.txt")


def test_nothing_to_summarise(tmp_path):
    with pytest.raises(DataError, match="no annotations"):
        summarize_annotations(tmp_path)
    with pytest.raises(DataError, match="neither a folder nor a tar"):
        summarize_annotations(tmp_path / "absent")
