# SPDX-License-Identifier: AGPL-3.0-or-later
"""How Ultralytics reads datasets: the data YAML, which files are images, and their pixels.

Importing Ultralytics takes seconds and half a gigabyte, so what is the same in every release is done here without it;
:mod:`yolo_fine.integration.dataset_assumptions` checks that it is the same.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from yolo_fine.errors import DataError
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.images import missing, open_image

FORMATS = frozenset({"bmp", "dng", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp"})  # suffixes in every release
LATER_FORMATS = frozenset({"avif", "heic", "heif", "jp2", "pfm"})  # suffixes in some releases
TIFF = (".tif", ".tiff")
READ_BY_PILLOW = (".avif", ".heic", ".heif")  # where OpenCV can't
RELATIVE_TO_FOLDER = (8, 3, 253)  # a release in which a relative dataset folder is one of the working folder
SMALLEST_IMAGE = 10  # pixels: Ultralytics leaves out images with a shorter side
TURNED, SIDEWAYS = range(2, 9), range(5, 9)  # EXIF orientations; with the latter, width and height change places


def read_data_yaml(data: str, *, download: bool = False) -> dict[str, Any]:
    """A dataset YAML, its paths resolved as Ultralytics does.

    Args:
        data: As Ultralytics takes it: a path or a bare name.
        download: Run the YAML's ``download:`` step if the val images are not there.

    Returns:
        The keys of the YAML: ``path`` is the dataset's folder, ``names`` has a name for each class number, ``train``,
        ``val`` and ``test`` are absolute paths, ``channels`` the number of an image's bands.

    Raises:
        DataError: Ultralytics can't use it.
    """
    plain = read_plain_yaml(Path(data))
    if plain is not None:
        return plain
    from ultralytics.data.utils import check_det_dataset

    try:
        content: dict[str, Any] = check_det_dataset(data, autodownload=download)
    except Exception as error:  # stock raises several kinds for one condition: this dataset can't be used
        found = sorted(file.name for file in Path(data).glob("*.yaml")) if Path(data).is_dir() else []
        if found and ("YAML file" in str(error) or isinstance(error, IsADirectoryError)):
            count = f"{len(found)} YAML file{'s' * (len(found) > 1)}"
            raise DataError(f"data={data} is a folder with {count}; name one: {', '.join(found)}") from error
        near = "" if Path(data).exists() else did_you_mean(data, known_data_yamls())
        said = str(error).partition("; did you mean")[0] if near else str(error)  # which knows fewer names
        raise DataError(f"data={data}: {said.strip()}{near}") from error
    return {"channels": 3, **content}


def read_plain_yaml(file: Path) -> dict[str, Any] | None:
    """The same without Ultralytics, for a YAML that reads alike in every release and with any settings; else None."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        names, root = content["names"], Path(content.get("path") or file.parent)
        names = dict(enumerate(names)) if isinstance(names, list) else names
        splits = {
            key: content[key]
            for key in ("train", "val", "test", "minival")
            if key in ("train", "val") or key in content
        }
        is_plain = (
            file.suffix in (".yaml", ".yml")
            and root.exists()
            and (root.is_absolute() or _release() >= RELATIVE_TO_FOLDER)
            and list(names) == list(range(len(names)))
            and len(names) > 0
            and all(isinstance(name, str) and not name.startswith("n0") for name in names.values())
            and content.get("nc", len(names)) == len(names)
            and all(isinstance(place, str) and not place.startswith("../") for place in splits.values())
            and (root / splits["val"]).exists()
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError):
        return None
    if not is_plain:
        return None
    paths = {key: str((root / place).resolve()) for key, place in splits.items()}
    return {"channels": 3, **content, **paths, "names": names, "path": root}


def _release() -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version("ultralytics"))[:3]))


def known_data_yamls() -> list[str]:
    """Names of dataset YAMLs: in the working folder, Ultralytics' own and ours."""
    from ultralytics.utils import ROOT

    from yolo_fine.integration.model_files import packaged_files

    found = [*Path().glob("*.yaml"), *(Path(ROOT) / "cfg" / "datasets").glob("*.yaml")]
    return [*(file.name for file in found), *packaged_files("datasets")]


def is_image(name: str) -> bool:
    """Whether Ultralytics takes a file for an image, which it sees by its suffix alone."""
    suffix = name.rpartition(".")[2].lower()
    return suffix in FORMATS or (suffix in LATER_FORMATS and suffix in stock_formats())


@lru_cache(maxsize=1)
def stock_formats() -> frozenset[str]:
    """Suffixes of images, as the installed release has them."""
    from ultralytics.data.utils import IMG_FORMATS

    return frozenset(IMG_FORMATS)


def read_pixels(file: Path, channels: int = 3) -> Array:
    """One image as Ultralytics trains on it: turned as EXIF says, 8 bits.

    Args:
        file: The image.
        channels: Bands that the network takes. Three are BGR, one is grey, any other number is read as stored.

    Returns:
        Shape (height, width, channels), uint8.

    Raises:
        DataError: It is missing, can't be read, or has another number of bands.
    """
    import cv2

    if not file.exists():
        raise DataError(f"{file} is no readable image: {missing(file)}")
    flag = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR}.get(channels, cv2.IMREAD_UNCHANGED)
    try:
        if channels in (1, 3) and not file.name.lower().endswith((*TIFF, *READ_BY_PILLOW)):
            pixels = cv2.imdecode(np.fromfile(file, np.uint8), flag)  # which is all that stock does with these
        else:
            from ultralytics.utils.patches import imread

            pixels = imread(str(file), flag)
    except (OSError, cv2.error) as error:
        raise DataError(f"{file} is no readable image: {error}") from error
    if pixels is None:
        raise DataError(f"{file} is no readable image: OpenCV, which Ultralytics reads images with, can't decode it")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] != channels:
        raise DataError(f"{file} has {pixels.shape[2]} bands, and {channels} are needed (channels: in the data YAML)")
    if pixels.dtype != np.uint8:
        raise DataError(f"{file} holds numbers of the type {pixels.dtype}; Ultralytics trains on 8 bits")
    return np.asarray(pixels)


def upright_size(file: Path) -> tuple[int, int]:
    """Width and height of an image as Ultralytics sees it: after the rotation that EXIF asks for.

    Raises:
        DataError: It is no image.
    """
    with open_image(file) as image:
        width, height = image.size
        kind, sideways = image.format, _orientation(image) in SIDEWAYS
    if not sideways:
        return width, height
    if kind in ("JPEG", "MPO"):
        return height, width
    height, width = read_pixels(file).shape[:2]  # whether OpenCV turns other formats depends on its version
    return width, height


def is_turned(file: Path) -> bool:
    """Whether EXIF asks to turn or mirror an image, so that Ultralytics sees another one than is stored.

    Raises:
        DataError: It is no image.
    """
    with open_image(file) as image:
        return _orientation(image) in TURNED


def _orientation(image: Image.Image) -> int | None:
    orientation: int | None = Image.Image.getexif(image).get(274)  # PngImageFile.getexif would decode the whole image
    return orientation
