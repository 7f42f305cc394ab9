# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is done without Ultralytics is what the installed Ultralytics does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image
from ultralytics.data.utils import check_det_dataset
from ultralytics.utils.patches import imread

from tests.commands import python
from yolo_fine.errors import DataError
from yolo_fine.integration.dataset_assumptions import DATASET_ASSUMPTIONS
from yolo_fine.integration.datasets import is_image, read_data_yaml, read_pixels, read_plain_yaml, upright_size
from yolo_fine.integration.versions import installed_version


@pytest.mark.parametrize(("statement", "check"), DATASET_ASSUMPTIONS)
def test_assumptions(statement, check):
    check()


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_those_of_stock(tmp_path, suffix, channels):
    if installed_version() < (8, 4, 0):
        pytest.skip("older releases have other decoders")
    if suffix == "tif" and channels == 1 and installed_version() < (8, 4, 190):
        pytest.skip("Ultralytics decodes it in colours, whatever is asked for")
    file = tmp_path / f"größe.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(file)
    flag = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR}[channels]
    pixels = read_pixels(file, channels)
    assert pixels.shape == (20, 30, channels)
    assert np.array_equal(pixels, imread(str(file), flag))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_upright_size_is_that_of_the_pixels(tmp_path, suffix, orientation):
    file, exif = tmp_path / f"turned.{suffix}", Image.Exif()
    exif[274] = orientation
    Image.new("RGB", (40, 20)).save(file, exif=exif)
    assert upright_size(file) == read_pixels(file).shape[1::-1]


def test_images_that_cannot_be_read(tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for name in ("text.jpg", "empty.png", "link.png", "gone.png"):
        with pytest.raises(DataError, match=f"{name} is no readable image"):
            read_pixels(tmp_path / name)
        with pytest.raises(DataError, match=f"{name} is no readable image"):
            upright_size(tmp_path / name)
    with pytest.raises(DataError, match=r"it is a link to .*gone\.png, which does not exist"):
        upright_size(tmp_path / "link.png")


def test_suffixes():
    from ultralytics.data.utils import IMG_FORMATS

    for suffix in [*IMG_FORMATS, "avif", "heic", "heif", "jp2", "pfm", "txt", "gif", ""]:
        assert is_image(f"a.b.{suffix.upper()}") == (suffix in IMG_FORMATS)


YAMLS = {
    "plain": {"train": "images", "val": "images", "names": ["x", "y"]},
    "numbers": {"train": "images", "val": "images", "names": {0: "x", 1: "y"}, "nc": 2, "channels": 1},
    "test and more": {"train": "images", "val": "images", "test": "nowhere", "names": ["x"], "kpt_shape": [4, 2]},
    "lists": {"train": ["images", "images"], "val": "images", "names": ["x"]},
    "up": {"train": "../images", "val": "images", "names": ["x"]},
    "nc alone": {"train": "images", "val": "images", "nc": 3},
    "names with gaps": {"train": "images", "val": "images", "names": {0: "x", 2: "y"}},
    "names that are no texts": {"train": "images", "val": "images", "names": [1, True, 2.5]},
    "validation": {"train": "images", "validation": "images", "names": ["x"]},
    "no val": {"train": "images", "names": ["x"]},
    "val not there": {"train": "images", "val": "nowhere", "names": ["x"]},
    "other number": {"train": "images", "val": "images", "names": ["x"], "nc": 2},
    "no names": {"train": "images", "val": "images", "names": []},
    "ImageNet": {"train": "images", "val": "images", "names": ["n01440764"]},
}


@pytest.mark.parametrize("case", YAMLS)
@pytest.mark.parametrize("path", ["absolute", "none"])
def test_yamls_are_read_as_stock_reads_them(tmp_path, case, path, monkeypatch):
    (tmp_path / "images").mkdir()
    content = dict(YAMLS[case], **({"path": str(tmp_path)} if path == "absolute" else {}))
    file = tmp_path / "data.yaml"
    file.write_text(yaml.safe_dump(content))
    try:
        stock = check_det_dataset(str(file), autodownload=False)
    except Exception:
        with pytest.raises(DataError, match=r"data=.*data\.yaml: "):
            read_data_yaml(str(file))
        return
    ours = read_data_yaml(str(file))
    for key in ("names", "train", "val", "test", "kpt_shape", "path"):
        assert ours.get(key) == stock.get(key), key
    assert ours["channels"] == stock.get("channels", 3)


def test_a_relative_yaml_is_read_as_stock_reads_it(tmp_path, monkeypatch):
    (tmp_path / "set" / "images").mkdir(parents=True)
    (tmp_path / "set" / "data.yaml").write_text("train: images\nval: images\nnames: [x]\n")
    monkeypatch.chdir(tmp_path)
    for folder, name in ((tmp_path, "set/data.yaml"), (tmp_path / "set", "data.yaml")):
        monkeypatch.chdir(folder)
        try:
            stock = check_det_dataset(name, autodownload=False)
        except FileNotFoundError:  # older releases look below the datasets folder
            assert read_plain_yaml(Path(name)) is None
            continue
        assert read_data_yaml(name)["val"] == stock["val"]


def test_checking_a_plain_dataset_needs_no_ultralytics(tmp_path, tiny_data):
    code = (
        "import sys; from yolo_fine.data.check.check import check_dataset; "
        f"sound = check_dataset({str(tiny_data)!r}).sound; "
        "print(sound, [name for name in ('torch', 'ultralytics') if name in sys.modules])"
    )
    done = python(code, tmp_path)
    assert done.stdout == "True []\n", done.stderr


def test_a_folder_of_several_data_yamls_lists_them(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text("names: [car]")
    with pytest.raises(DataError, match=r"is a folder with 2 YAML files; name one: a\.yaml, b\.yaml$"):
        read_data_yaml(str(tmp_path))


def test_a_misspelt_data_yaml_is_answered_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as error:
        read_data_yaml("VisDron.yaml")
    assert str(error.value).count("did you mean") == 1
    assert "VisDrone.yaml" in str(error.value)
