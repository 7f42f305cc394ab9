# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files that mean harm, or were made by accident: one message each, in bounded time and memory."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from torturing.children import command, names_in, run
from torturing.commands import Act
from torturing.rows import Row

MEMORY = 6 * 2**30  # bytes of address space; PyTorch alone takes more than one of them
Offer = Callable[[Path], tuple[str, ...]]
OFFERS: dict[str, Offer] = {}


def offer(inputs: Path, scratch: Path) -> Iterator[Row]:
    """Give every file to its command."""
    row = Row("hostile file")
    for name, make in OFFERS.items():
        place = scratch / "hostile"
        place.mkdir()
        (place / "in").symlink_to(inputs)
        words = make(place)
        before = names_in(place)
        ended = run(bounded(command(*words)), place)
        left = names_in(place) - before
        if ended.code == 1:  # checked and failed: what it found may be drawn
            left -= {"p.png"}
        told = ended.code == 1 or ended.is_one_message
        wrong = "" if told and "Traceback" not in ended.err else f"{name} ended with {ended.code}: {ended.said}"
        if "harmed" in left:
            wrong = f"{name} ran the code of a file"
        row.count(lost=wrong, left=", ".join(sorted(left)[:5]))
        shutil.rmtree(place)
    yield row


def bounded(act: Act) -> Act:
    """An act whose process gets no more memory than that."""

    def inside() -> int:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        return act()

    return inside


def hostile(make: Offer) -> Offer:
    """Add a maker of a file to those that are tried; it returns the command."""
    OFFERS[make.__name__.replace("_", " ")] = make
    return make


def edited(place: Path, change: Callable[[dict[str, list[dict[str, object]]]], object]) -> tuple[str, ...]:
    """An evaluation on changed annotations."""
    truth = json.loads((place / "in/truth.json").read_text())
    change(truth)
    (place / "truth.json").write_text(json.dumps(truth))
    return ("eval", "annotations=truth.json", "detections=in/found.json", "out=o", "resamples=0")


@hostile
def annotations_with_a_giant_integer(place: Path) -> tuple[str, ...]:
    """As image_id."""
    words = edited(place, lambda truth: truth["annotations"][0].update(image_id=1))
    text = (place / "truth.json").read_text()
    (place / "truth.json").write_text(text.replace('"image_id": 1', f'"image_id": {"9" * 5000}', 1))
    return words


@hostile
def annotations_with_nan(place: Path) -> tuple[str, ...]:
    """In a box."""
    return edited(place, lambda truth: truth["annotations"][0].update(bbox=[float("nan"), 1, 2, 3]))


@hostile
def annotations_with_infinity(place: Path) -> tuple[str, ...]:
    """In a box."""
    return edited(place, lambda truth: truth["annotations"][0].update(bbox=[1, 1, float("inf"), 3]))


@hostile
def annotations_nested_deeply(place: Path) -> tuple[str, ...]:
    """Hundred thousand lists."""
    (place / "truth.json").write_text("[" * 100_000)
    return ("eval", "annotations=truth.json", "detections=in/found.json", "out=o")


@hostile
def annotations_cut_off(place: Path) -> tuple[str, ...]:
    """Half a file."""
    text = (place / "in/truth.json").read_text()
    (place / "truth.json").write_text(text[: len(text) // 2])
    return ("eval", "annotations=truth.json", "detections=in/found.json", "out=o")


@hostile
def annotations_that_are_a_link_to_themselves(place: Path) -> tuple[str, ...]:
    """A loop of links."""
    (place / "truth.json").symlink_to(place / "truth.json")
    return ("eval", "annotations=truth.json", "detections=in/found.json", "out=o")


@hostile
def annotations_of_zeros(place: Path) -> tuple[str, ...]:
    """What a disk gives after a crash."""
    (place / "truth.json").write_bytes(bytes(5000))
    return ("eval", "annotations=truth.json", "detections=in/found.json", "out=o")


@hostile
def detections_in_utf_16(place: Path) -> tuple[str, ...]:
    """As PowerShell writes them."""
    (place / "found.json").write_text((place / "in/found.json").read_text(), encoding="utf-16")
    return ("eval", "annotations=in/truth.json", "detections=found.json", "first_category=x", "out=o")


@hostile
def archive_that_grows_ten_thousandfold(place: Path) -> tuple[str, ...]:
    """A small zip of zeros, as annotations."""
    with zipfile.ZipFile(place / "VisDrone2019-DET-val.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("VisDrone2019-DET-val/images/a.jpg", bytes(2**28))
        archive.writestr("VisDrone2019-DET-val/annotations/a.txt", bytes(2**28))
    return ("data", "visdrone", "source=.", "out=o")


@hostile
def archive_that_reaches_outside(place: Path) -> tuple[str, ...]:
    """A member named ../../harmed."""
    with zipfile.ZipFile(place / "VisDrone2019-DET-val.zip", "w") as archive:
        archive.writestr("../harmed", "x")
        archive.writestr("VisDrone2019-DET-val/images/../../../harmed.jpg", "x")
        archive.writestr("VisDrone2019-DET-val/annotations/../../../harmed.txt", "x")
    return ("data", "visdrone", "source=.", "out=o")


@hostile
def archive_cut_off(place: Path) -> tuple[str, ...]:
    """A download that stopped."""
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("VisDrone2019-DET-val/images/a.jpg", os.urandom(5000))
    (place / "VisDrone2019-DET-val.zip").write_bytes(text.getvalue()[:3000])
    return ("data", "visdrone", "source=.", "out=o")


@hostile
def image_that_says_it_is_huge(place: Path) -> tuple[str, ...]:
    """A PNG of 60,000 x 60,000 pixels in some bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    image = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )
    dataset(place, image)
    return ("data", "check", "data=d.yaml", "out=p.png")


@hostile
def image_that_is_text(place: Path) -> tuple[str, ...]:
    """With an image's suffix, given to a model."""
    dataset(place, b"not an image")
    return ("eval", "model=in/best.pt", "data=d.yaml", "out=o", "imgsz=64", "allow_missing=True", "resamples=0")


def dataset(place: Path, image: bytes) -> None:
    """A dataset of one image."""
    for split in ("train", "val"):
        (place / "images" / split).mkdir(parents=True)
        (place / "labels" / split).mkdir(parents=True)
        (place / "images" / split / f"{split}.png").write_bytes(image)
        (place / "labels" / split / f"{split}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (place / "d.yaml").write_text(f"path: {place}\ntrain: images/train\nval: images/val\nnames: [thing]\n")


@hostile
def label_with_a_giant_integer(place: Path) -> tuple[str, ...]:
    """As its class."""
    shutil.copytree(place / "in/set", place / "set")
    (place / "set/labels/val/val_00000.txt").write_text("9" * 5000 + " 0.5 0.5 0.1 0.1\n")
    text = (place / "set/smallobjects.yaml").read_text()
    (place / "d.yaml").write_text(f"path: {place / 'set'}\n" + text)
    return ("eval", "model=in/best.pt", "data=d.yaml", "out=o", "imgsz=64", "allow_missing=True")


class Harm:
    """What runs when a checkpoint is unpickled without care."""

    def __reduce__(self) -> tuple[object, ...]:
        """Make a file."""
        return (os.mkdir, ("harmed",))


@hostile
def checkpoint_cut_off(place: Path) -> tuple[str, ...]:
    """Half a file."""
    whole = (place / "in/best.pt").read_bytes()
    (place / "half.pt").write_bytes(whole[: len(whole) // 2])
    return ("seed", "model=yolo11n-ema.yaml", "weights=half.pt", "out=o.pt")


@hostile
def checkpoint_that_is_no_checkpoint(place: Path) -> tuple[str, ...]:
    """A pickle of a dictionary."""
    (place / "odd.pt").write_bytes(pickle.dumps({"a": 1}))
    return ("eval", "model=odd.pt", "data=in/set/smallobjects.yaml", "out=o")


@hostile
def model_with_endless_aliases(place: Path) -> tuple[str, ...]:
    """A YAML that grows to a billion entries."""
    lines = ["a0: &a0 [1, 1]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 25)]
    (place / "yolo11n-odd.yaml").write_text("\n".join([*lines, "backbone: *a24", "head: *a24"]))
    return ("lint", "model=yolo11n-odd.yaml")


@hostile
def model_with_a_row_of_a_billion_channels(place: Path) -> tuple[str, ...]:
    """Which would need all memory."""
    (place / "yolo11n-odd.yaml").write_text(
        "nc: 2\nbackbone:\n  - [-1, 1, Conv, [1000000000, 3, 2]]\nhead:\n  - [[0], 1, Detect, [nc]]\n"
    )
    return ("lint", "model=yolo11n-odd.yaml")


@hostile
def model_in_latin_1(place: Path) -> tuple[str, ...]:
    """Bytes that are no UTF-8, in a row."""
    (place / "yolo11n-odd.yaml").write_bytes(
        b"backbone:\n  - [-1, 1, C\xf6nv, [64]]\nhead:\n  - [-1, 1, Detect, [nc]]\n"
    )
    return ("compose", "base=yolo11n-odd.yaml", "fuse=FINE", "out=yolo11n-new.yaml")


@hostile
def dataset_with_a_loop_of_links(place: Path) -> tuple[str, ...]:
    """A folder that holds itself."""
    dataset(place, b"")
    (place / "images/val/again").symlink_to(place / "images/val")
    return ("data", "check", "data=d.yaml", "out=p.png")
