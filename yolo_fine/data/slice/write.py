# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the images, labels and annotations of a plan."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np

from yolo_fine.data.convert.file_tree import link_or_copy
from yolo_fine.data.slice.plan import Plan, Slice, SliceRules, SourceImage
from yolo_fine.errors import DataError
from yolo_fine.formats.beside import annotation_file, instances_file
from yolo_fine.formats.yolo_layout import label_file
from yolo_fine.integration.datasets import read_pixels
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.console import track

JPEG = (".jpg", ".jpeg", ".mpo")
QUALITY = 95  # of the JPEGs that are made
GREY = 114  # what Ultralytics pads with
TRAIN = PurePosixPath("images/train")
WRITABLE = (1, 3, 4)  # bands that PNG files can have


def write_slices(folder: Path, journal: Path, plan: Plan, rules: SliceRules) -> None:
    """Write all images of a plan; those that the journal of a stopped run names are there already.

    Raises:
        DataError: An image can't be decoded.
    """
    lines = _lines(journal)
    journal.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    done = set(lines)
    todo = [image for image in plan.images if image.slices and image.slices[0].name not in done]
    finished = len(plan.images) - len(todo)
    with journal.open("a", encoding="utf-8") as log, _Pool() as pool:
        written = _in_turn(pool, folder, todo, plan.truth.channels, rules)
        for image in track(written, len(plan.images), "slicing", finished):
            log.write(f"{image.slices[0].name}\n")
            log.flush()


def link_split(folder: Path, name: str, files: Sequence[Path], names: Sequence[str]) -> None:
    """Put a split into the new set as it is: images as hard links where they can be, labels and annotations as copies.

    Args:
        folder: Of the new set.
        name: Of the split.
        files: Its images.
        names: Their names without suffix, relative to the image folder.
    """
    for file, stem in zip(track(files, len(files), f"{name}: linking"), names, strict=True):
        image = _target(folder, PurePosixPath("images") / name, stem, file.suffix)
        _link(file, image)
        for old, new in ((label_file(file), label_file(image)), (annotation_file(file), annotation_file(image))):
            if old.is_file():
                _copy(old, new)
    instances = instances_file(files[0]) if files else None
    if instances is not None:
        (folder / "annotations").mkdir(exist_ok=True)
        _link(instances, folder / "annotations" / f"instances_{name}.json")


def _in_turn(
    pool: ThreadPoolExecutor, folder: Path, images: Sequence[SourceImage], channels: int, rules: SliceRules
) -> Iterator[SourceImage]:
    """The images in order, each after it is written."""
    yield from pool.map(lambda image: _write_image(folder, image, channels, rules), images)


class _Pool(ThreadPoolExecutor):
    """Threads, of which those that have not begun are dropped at an interruption; decoding releases the interpreter."""

    def __init__(self) -> None:
        super().__init__(min(8, os.cpu_count() or 1))

    def __exit__(self, *_: object) -> None:
        self.shutdown(cancel_futures=True)


def _write_image(folder: Path, image: SourceImage, channels: int, rules: SliceRules) -> SourceImage:
    """Write what becomes of one image."""
    pixels = None
    for one in image.slices:
        if one.unchanged:
            target = _target(folder, TRAIN, one.name, image.file.suffix)
            _link(image.file, target)
            _write_or_copy(one.labels, label_file(image.file), label_file(target))
            _write_or_copy(one.annotations, image.annotation, annotation_file(target))
            continue
        if pixels is None:
            pixels = read_pixels(image.file, channels)
        as_jpeg = image.file.suffix.lower() in JPEG and channels != 4 and not rules.lossless
        target = _target(folder, TRAIN, one.name, ".jpg" if as_jpeg else ".png")
        _write_pixels(target, cut_out(pixels, one, rules.ignored))
        _write_or_copy(one.labels, None, label_file(target))
        _write_or_copy(one.annotations, None, annotation_file(target))
    return image


def cut_out(pixels: Array, one: Slice, ignored: str) -> Array:
    """The pixels of a slice, with ignored regions filled with grey.

    Args:
        pixels: The source, shape (height, width, bands).
        one: The slice.
        ignored: With ``mask``, objects that are labelled stay visible in the regions.
    """
    left, top, right, bottom = one.place.tolist()
    content: Array = pixels[top:bottom, left:right]
    if not len(one.fill):
        return content
    filled: Array = content.copy()
    for region in one.fill:
        filled[_window(region)] = GREY
    if ignored == "mask":
        for box in one.boxes:
            filled[_window(box)] = content[_window(box)]
    return filled


def _window(box: Array) -> tuple[slice, slice]:
    """Every pixel that a box touches."""
    left, top, width, height = box.tolist()
    return slice(int(top), int(np.ceil(top + height))), slice(int(left), int(np.ceil(left + width)))


def _write_pixels(file: Path, pixels: Array) -> None:
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if file.suffix == ".jpg" else []
    written, content = cv2.imencode(file.suffix, pixels, options)
    if not written:
        raise DataError(f"{file.name} can't be encoded: {pixels.shape[2]} bands of {pixels.dtype}")
    file.unlink(missing_ok=True)
    file.write_bytes(content.tobytes())


def _target(folder: Path, kind: PurePosixPath, name: str, suffix: str) -> Path:
    """Where an image goes, in a folder that is there."""
    image = folder / kind / f"{name}{suffix}"
    image.parent.mkdir(parents=True, exist_ok=True)
    return image


def _write_or_copy(text: str | None, source: Path | None, target: Path) -> None:
    """A text file from a text, or from the file that holds it already; neither makes none."""
    if text is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    elif source is not None and source.is_file():
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)  # of a run that was killed; copying onto a link would write the original
    link_or_copy(source, target)


def _lines(file: Path) -> list[str]:
    """Whole lines of a journal: the last one of a killed run may not be whole."""
    if not file.is_file():
        return []
    text = file.read_text(encoding="utf-8")
    return text[: text.rfind("\n") + 1].splitlines()
