# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data coco``: a COCO download as a dataset for training and evaluation.

The result holds ``images/NAME``, ``labels/NAME`` (YOLO), ``annotations/instances_NAME.json`` (the original file, whose
segmentation areas decide COCO's size bins), ``NAME.txt`` (the list of images, as Ultralytics' own copy of COCO has
it) and ``coco.yaml``. See docs/data.md.
"""

from __future__ import annotations

import hashlib
import json as json_format
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from yolo_fine.data.convert.coco_labels import Instances, read_instances
from yolo_fine.data.convert.coco_source import CocoSource, find_instances
from yolo_fine.data.convert.dataset_yaml import dataset_yaml
from yolo_fine.data.convert.file_tree import FileTree
from yolo_fine.data.convert.publish import (
    check_space,
    default_out,
    existing_parent,
    finished_folder,
    is_free,
    print_leftovers,
)
from yolo_fine.errors import DataError
from yolo_fine.formats.yolo_layout import IMAGES, label_file
from yolo_fine.utils.files import write_json
from yolo_fine.utils.progress import track

RECORD_FILE = "coco.json"
YAML_FILE = "coco.yaml"
BLOCK = 4096  # a small text file takes one block of the disk


@dataclass(frozen=True)
class CocoSplit:
    """One converted split: counts, and the SHA-256 of its instances file."""

    name: str
    images: int
    annotations: int
    labels: int
    crowd: int
    zero_size: int
    repeated: int
    fingerprint: str


@dataclass(frozen=True)
class CocoSet:
    """A converted COCO download.

    Attributes:
        root: Its folder.
        yaml: The Ultralytics dataset file inside.
        classes: Class names in the order of their numbers.
        splits: What was converted, by split.
        left_out: Splits without images.
        created: Whether this call wrote it; False when it was there already.
    """

    root: Path
    yaml: Path
    classes: tuple[str, ...]
    splits: dict[str, CocoSplit]
    left_out: tuple[str, ...]
    created: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, as ``json=`` writes them."""
        return {**asdict(self), "root": str(self.root), "yaml": str(self.yaml)}


def convert_coco(source: Path, out: Path | None = None, json: Path | None = None) -> CocoSet:
    """Convert a COCO download.

    ``out`` appears when it is complete; an interrupted run leaves nothing under that name. Unpacked images are
    hard-linked where the file system can, else copied; archives are unpacked. A split whose images aren't there
    is left out.

    Args:
        source: Folder with instances files and images; see :func:`.coco_source.find_instances`.
        out: Folder to make; ``SOURCE-yolo`` beside the source if not given.
        json: File for the result.

    Raises:
        MissingFileError: ``source`` isn't a folder.
        DataError: The download is incomplete or broken, splits have different classes, ``out`` holds something else, or
            the disk is full.
        ArgumentError: The JSON file can't be written.
    """
    source = source.expanduser().resolve()  # shells leave source=~/DIR as it is
    out = default_out(source) if out is None else out.expanduser().resolve()
    found = find_instances(source)
    sources = [split for split in found if split.images is not None]
    if not sources:
        names = ", ".join(split.name for split in found)
        raise DataError(
            f"source={source} has no images of {names}; expected in {names}/, images/{names}/ or {names}.zip"
        )
    contents = {split.split: split.tree.read(split.instances) for split in sources}
    hashes = {split: hashlib.sha256(content).hexdigest() for split, content in contents.items()}
    record = _read_record(out, hashes)
    if record is None:
        print_leftovers(out)
        record = _convert(out, sources, contents, hashes)
    left_out = tuple(split.name for split in found if split.images is None)
    splits = {name: CocoSplit(**split) for name, split in record["splits"].items()}
    result = CocoSet(out, out / YAML_FILE, tuple(record["classes"]), splits, left_out, record["created"])
    _print_result(result)
    if json is not None:
        write_json(json, result.to_dict())
    return result


def _read_record(out: Path, hashes: dict[str, str]) -> dict[str, Any] | None:
    """The record of a finished conversion of the same instances files; None if there is nothing yet.

    Raises:
        DataError: ``out`` holds something else, or images of it are missing.
    """
    if is_free(out):
        return None
    file = out / RECORD_FILE
    if not file.is_file():
        raise DataError(
            f"out={out} exists and is no converted COCO set (it has no {RECORD_FILE}); give another out=DIR"
        )
    try:
        record: dict[str, Any] = json_format.loads(file.read_text(encoding="utf-8"))
        stored = {name: split["fingerprint"] for name, split in record["splits"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{file} is damaged ({error}); delete {out} and convert again") from error
    if stored != hashes:
        raise DataError(
            f"out={out} holds another conversion (of {', '.join(stored)}); delete it or give another out=DIR"
        )
    for split in record["splits"].values():
        missing = [
            line
            for line in (out / f"{split['name']}.txt").read_text().split("\n")
            if line and not (out / line).is_file()
        ]
        if missing:
            raise DataError(f"{out}: {len(missing)} images are missing, the first is {missing[0]}; convert again")
    return {**record, "created": False}


def _convert(
    out: Path, sources: list[CocoSource], contents: dict[str, bytes], hashes: dict[str, str]
) -> dict[str, Any]:
    """Write the whole set; returns its record."""
    read = {split.split: read_instances(contents[split.split], split.tree.where(split.instances)) for split in sources}
    classes = read[sources[0].split].classes
    for split in sources[1:]:
        if read[split.split].classes != classes:
            raise DataError(
                f"{split.tree.where(split.instances)} has other categories than {sources[0].instances.name}"
            )
    trees = [split.images for split in sources if split.images is not None]
    needed = sum(tree.bytes_to_write(existing_parent(out)) for tree in trees)
    labels = sum(len(instances.labels) for instances in read.values())
    check_space(out, needed + BLOCK * labels + sum(map(len, contents.values())))
    with finished_folder(out) as part:
        splits = {
            split.split: asdict(
                _write_split(part, split, read[split.split], contents[split.split], hashes[split.split])
            )
            for split in sources
        }
        comment = f"COCO, converted by `yolo-fine data coco`; {', '.join(f'{split.name}' for split in sources)}"
        yaml = dataset_yaml({split.split: f"{split.name}.txt" for split in sources}, classes, comment)
        (part / YAML_FILE).write_text(yaml, encoding="utf-8")
        record = {"classes": list(classes), "splits": splits}
        (part / RECORD_FILE).write_text(json_format.dumps(record, indent=2) + "\n", encoding="utf-8")
    return {**record, "created": True}


def _write_split(part: Path, source: CocoSource, instances: Instances, content: bytes, sha256: str) -> CocoSplit:
    """Images, labels, list of images and original annotations of one split."""
    tree = source.images
    if tree is None:
        raise DataError(f"{source.name} has no images")
    places = _locate(tree, list(instances.labels), source.tree.where(source.instances))
    image_folder = part / "images" / source.name
    for file, lines in track(instances.labels.items(), len(instances.labels), f"{source.name}: writing"):
        image = image_folder / file
        image.parent.mkdir(parents=True, exist_ok=True)
        tree.put(places[file], image)
        labels = part / label_file(image.relative_to(part))
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(lines), encoding="utf-8", newline="\n")
    listed = "".join(f"./images/{source.name}/{file}\n" for file in instances.labels)
    (part / f"{source.name}.txt").write_text(listed, encoding="utf-8", newline="\n")
    (part / "annotations").mkdir(exist_ok=True)
    (part / "annotations" / f"instances_{source.name}.json").write_bytes(content)
    rows = sum(map(len, instances.labels.values()))
    counts = (instances.annotations, rows, instances.crowd, instances.zero_size, instances.repeated)
    return CocoSplit(source.name, len(instances.labels), *counts, sha256)


def _locate(tree: FileTree, files: list[PurePosixPath], where: str) -> dict[PurePosixPath, PurePosixPath]:
    """File name in the instances file -> file in the tree: at that path, or anywhere under that name.

    Raises:
        DataError: An image is missing.
    """
    by_name = {file.name: file for file in tree.sizes if file.suffix.lower() in IMAGES}
    places = {file: file if file in tree.sizes else by_name.get(file.name) for file in files}
    missing = [file for file, place in places.items() if place is None]
    if missing:
        raise DataError(
            f"{tree.place} lacks {len(missing)} of the {len(files)} images of {where}, the first is {missing[0]}"
        )
    return {file: place for file, place in places.items() if place is not None}


def _print_result(result: CocoSet) -> None:
    """A table of counts and what to type next."""
    print(f"{'split':<12}{'images':>10}{'annotations':>13}{'crowd':>8}{'zero size':>11}{'repeated':>10}{'labels':>10}")
    for split in result.splits.values():
        cells = f"{split.images:>10,}{split.annotations:>13,}{split.crowd:>8,}{split.zero_size:>11,}"
        print(f"{split.name:<12}{cells}{split.repeated:>10,}{split.labels:>10,}")
    for name in result.left_out:
        print(f"{name}: no images found, left out")
    print(f"{'written' if result.created else 'already there, nothing to do'}: {result.yaml}")
