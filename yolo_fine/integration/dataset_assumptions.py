# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the package assumes about how Ultralytics reads datasets, as checks."""

from __future__ import annotations

import io
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from yolo_fine.integration.datasets import (
    FORMATS,
    LATER_FORMATS,
    SMALLEST_IMAGE,
    read_data_yaml,
    read_pixels,
    read_plain_yaml,
    stock_formats,
    upright_size,
)
from yolo_fine.integration.versions import require


@contextmanager
def _dataset() -> Iterator[Path]:
    """A folder with three images of 32 x 16 pixels, one in a linked folder, and a data YAML; stock's log is off."""
    logging.disable(logging.WARNING)
    with ExitStack() as stack:
        stack.callback(logging.disable, logging.NOTSET)
        stack.enter_context(redirect_stdout(io.StringIO()))
        name = stack.enter_context(tempfile.TemporaryDirectory())
        root = Path(name).resolve()
        for kind in ("images/val", "images/other", "labels/val"):
            (root / kind).mkdir(parents=True)
        noise = np.random.default_rng(0).integers(0, 255, (16, 32, 3), dtype=np.uint8)
        for file in ("val/a.png", "val/b.jpg", "val/._b.jpg", "other/c.png"):
            Image.fromarray(noise).save(root / "images" / file)
        os.symlink(root / "images" / "other", root / "images" / "val" / "linked")
        (root / "data.yaml").write_text(f"path: {root}\ntrain: images/val\nval: images/val\nnames: [x, y]\n")
        yield root


def _yaml() -> None:
    from ultralytics.data.utils import check_det_dataset

    with _dataset() as root:
        found = check_det_dataset(str(root / "data.yaml"), autodownload=False)
        plain = read_plain_yaml(root / "data.yaml") or {}
        for key in ("names", "train", "val", "path"):
            require(found[key] == plain[key], f"a dataset YAML's '{key}' is {plain[key]}, not {found[key]}")


def _formats() -> None:
    require(FORMATS <= stock_formats() <= FORMATS | LATER_FORMATS, "IMG_FORMATS has the image suffixes that are known")


def _listing() -> None:
    from ultralytics.data.base import BaseDataset

    with _dataset() as root:
        (root / "val.txt").write_text(f"./images/val/a.png\n{root}/images/val/b.jpg \n\n{root}/images/val/b.jpg\n")
        for place, names in (
            (root / "images/val", ["a.png", "b.jpg", "linked/c.png"]),
            (root / "val.txt", ["a.png", "b.jpg"]),
        ):
            found = BaseDataset.get_img_files(SimpleNamespace(prefix="", fraction=1.0), str(place))
            expected = [str(root / "images" / "val" / name) for name in names]
            require(found == expected, "images are listed from linked folders, without hidden files, and by suffix")


def _labels() -> None:
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import img2label_paths

    require(
        img2label_paths(["/images/x/images/y.z.jpg"]) == ["/images/x/labels/y.z.txt"],
        "the last images folder of a path becomes labels",
    )
    with _dataset() as root:
        Image.new("RGB", (64, SMALLEST_IMAGE - 1)).save(root / "images" / "val" / "small.png")
        (root / "labels" / "val" / "a.txt").write_text("1 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.2 0.2\n")
        (root / "labels" / "val" / "b.txt").write_text("0 1.02 0.5 0.1 0.1\n")
        data = read_data_yaml(str(root / "data.yaml"))
        labels = YOLODataset(img_path=data["val"], data=data, task="detect", imgsz=32, augment=False).labels
    kept = {Path(label["im_file"]).name: len(label["cls"]) for label in labels}
    require(
        kept == {"a.png": 1, "c.png": 0},
        "repeated rows are dropped, and images under 10 pixels or with a centre beyond 1.01 are left out",
    )


def _pixels() -> None:
    from ultralytics.data.utils import exif_size
    from ultralytics.utils.patches import imread

    with _dataset() as root:
        for name in ("a.png", "b.jpg"):
            file = root / "images" / "val" / name
            require(np.array_equal(imread(str(file)), read_pixels(file)), "patches.imread decodes by cv2.imdecode")
        turned, exif = root / "turned.jpg", Image.Exif()
        exif[274] = 6
        Image.new("RGB", (32, 16)).save(turned, exif=exif)
        require(imread(str(turned)).shape[:2] == (32, 16), "images are turned as EXIF says")
        with Image.open(turned) as image:
            require(tuple(exif_size(image)) == upright_size(turned), "exif_size is the size after EXIF rotation")


DATASET_ASSUMPTIONS: tuple[tuple[str, Callable[[], None]], ...] = (
    ("check_det_dataset reads dataset YAMLs and resolves their paths", _yaml),
    ("images are known by their suffix", _formats),
    ("images are listed by BaseDataset.get_img_files", _listing),
    ("labels are looked for beside images, and checked by YOLODataset", _labels),
    ("images are decoded by patches.imread", _pixels),
)
