# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data coco``: a COCO download as a dataset for training and evaluation.

The result holds ``images/NAME``, ``labels/NAME`` (YOLO), ``annotations/instances_NAME.json`` (the original file, whose
segmentation areas decide COCO's size bins), ``NAME.txt`` (the list of images, as Ultralytics' own copy of COCO has
it) and ``coco.yaml``. See docs/data.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from yolo_fine.data.convert.coco_labels import make_labels
from yolo_fine.data.convert.coco_source import CocoSource, find_instances
from yolo_fine.data.convert.file_tree import FileTree
from yolo_fine.data.convert.output import check_space, existing_parent, far_boxes, places, read_record, write_record
from yolo_fine.errors import DataError
from yolo_fine.formats.box_form import READ_AS, form_of
from yolo_fine.formats.coco_instances import CocoGroundTruth, parse_instances
from yolo_fine.formats.dataset_yaml import dataset_yaml
from yolo_fine.formats.yolo_layout import label_file
from yolo_fine.integration.datasets import is_image, upright_size
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import track
from yolo_fine.utils.files import write_json
from yolo_fine.utils.folders import finished_folder
from yolo_fine.utils.paths import StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table, readable

RECORD_FILE = "coco.json"
YAML_FILE = "coco.yaml"
BLOCK = 4096  # a small text file takes one block of the disk


@dataclass(frozen=True)
class CocoSplit:
    """One converted split: counts, the SHA-256 of its instances file, and what its boxes look like if not COCO's."""

    name: str
    images: int
    annotations: int
    labels: int
    crowd: int
    zero_size: int
    repeated: int
    cut: int
    fingerprint: str
    form: str | None = None


@dataclass(frozen=True, repr=False)
class CocoSet(Result):
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

    def table(self) -> Sequence[Row]:
        """Counts of each split."""
        counts = [asdict(split) for split in self.splits.values()]
        return [{key: value for key, value in row.items() if key != "form"} for row in counts]

    def summary(self) -> str:
        """What was left out, and where the set is."""
        lines = [f"{name}: no images found, left out" for name in self.left_out]
        lines += [
            f"{name}: the boxes look like {split.form}, {READ_AS}: the labels are in the wrong places if so"
            for name, split in self.splits.items()
            if split.form
        ]
        if cut := sum(split.cut for split in self.splits.values()):
            lines.append(far_boxes(cut))
        lines.append(f"{'written' if self.created else 'already there, nothing to do'}: {self.yaml}")
        return "\n".join(lines)

    def show(self) -> list[str | Table]:
        """The counts above the summary."""
        return [Table(readable(self.table())), self.summary()]


@public
def convert_coco(source: StrPath, out: StrPath | None = None, json: StrPath | None = None) -> CocoSet:
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
        DataError: The download is incomplete or broken, an image has another size than the file says, splits have
            different classes, ``out`` holds something else, or the disk has no room.
        ArgumentError: ``out`` or the JSON file can't be written.
    """
    source, out = places(source, out)
    found = find_instances(source)
    sources = [split for split in found if split.images is not None]
    if not sources:
        names = ", ".join(split.name for split in found)
        raise DataError(
            f"source={source} has no images of {names}; expected in {names}/, images/{names}/ or {names}.zip"
        )
    contents = {split.split: split.tree.read(split.instances) for split in sources}
    hashes = {split: hashlib.sha256(content).hexdigest() for split, content in contents.items()}
    record = read_record(out, RECORD_FILE, hashes)
    created = record is None
    if record is None:
        record = _convert(out, sources, contents, hashes)
    splits = {name: CocoSplit(**split) for name, split in record["splits"].items()}
    left_out = tuple(split.name for split in found if split.images is None)
    result = CocoSet(out, out / YAML_FILE, tuple(record["classes"]), splits, left_out, created)
    if json is not None:
        write_json(Path(json), result.to_dict())
    return result


def _convert(
    out: Path, sources: list[CocoSource], contents: dict[str, bytes], hashes: dict[str, str]
) -> dict[str, Any]:
    """Write the whole set; returns its record."""
    truths = {
        split.split: parse_instances(contents[split.split], split.tree.where(split.instances)) for split in sources
    }
    classes = truths[sources[0].split].classes
    for split in sources[1:]:
        if truths[split.split].classes != classes:
            raise DataError(
                f"{split.tree.where(split.instances)} has other categories than {sources[0].instances.name}"
            )
    if not classes:
        raise DataError(f"{sources[0].tree.where(sources[0].instances)} has no categories")
    trees = [split.images for split in sources if split.images is not None]
    needed = sum(tree.bytes_to_write(existing_parent(out)) for tree in trees)
    images = sum(len(truth.names) for truth in truths.values())
    check_space(out, needed + BLOCK * images + sum(map(len, contents.values())))
    names = [classes[number] for number in sorted(classes)]
    with finished_folder(out) as folder:
        splits = {}
        for split in sources:
            key = split.split
            splits[key] = asdict(_write_split(folder.path, split, truths[key], contents[key], hashes[key]))
        comment = f"COCO, converted by `yolo-fine data coco`; {', '.join(f'{split.name}' for split in sources)}"
        yaml = dataset_yaml({split.split: f"{split.name}.txt" for split in sources}, names, comment)
        (folder.path / YAML_FILE).write_text(yaml, encoding="utf-8")
        return write_record(folder.path / RECORD_FILE, {"classes": names, "splits": splits})


def _write_split(part: Path, source: CocoSource, truth: CocoGroundTruth, content: bytes, sha256: str) -> CocoSplit:
    """Images, labels, list of images and original annotations of one split."""
    assert source.images is not None  # convert_coco has left out those without
    tree, where = source.images, source.tree.where(source.instances)
    texts, counts = make_labels(truth, where)
    originals = _locate(tree, list(texts), where)
    image_folder = part / "images" / source.name
    lines = track(texts.items(), len(texts), f"{source.name}: writing")
    for (file, text), size in zip(lines, truth.sizes.tolist(), strict=True):
        image = image_folder / file
        image.parent.mkdir(parents=True, exist_ok=True)
        tree.put(originals[file], image)
        real = upright_size(image)
        if real != tuple(size):
            raise DataError(
                f"{where} says that {file} has {size[0]} x {size[1]} pixels, but {tree.where(originals[file])} has "
                f"{real[0]} x {real[1]} after EXIF rotation: its labels would be in the wrong places"
            )
        labels = label_file(image)
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(text, encoding="utf-8", newline="\n")
    listed = "".join(f"./images/{source.name}/{file}\n" for file in texts)
    (part / f"{source.name}.txt").write_text(listed, encoding="utf-8", newline="\n")
    (part / "annotations").mkdir(exist_ok=True)
    (part / "annotations" / f"instances_{source.name}.json").write_bytes(content)
    form = form_of(truth.boxes, truth.sizes[truth.image])
    return CocoSplit(source.name, len(truth.names), len(truth), fingerprint=sha256, form=form, **counts)


def _locate(tree: FileTree, files: list[PurePosixPath], where: str) -> dict[PurePosixPath, PurePosixPath]:
    """File name in the instances file -> file in the tree: at that path, or anywhere under that name.

    Raises:
        DataError: An image is missing, or Ultralytics would not see it.
    """
    if unseen := [file for file in files if not is_image(file.name)]:
        raise DataError(
            f"{where}: {unseen[0]} is no image to Ultralytics, which goes by the suffix; convert "
            f"{'it' if len(unseen) == 1 else f'these {len(unseen)}'} to .png or .jpg"
        )
    by_name = {file.name: file for file in tree.sizes if is_image(file.name)}
    found = {file: file if file in tree.sizes else by_name.get(file.name) for file in files}
    missing = [file for file, original in found.items() if original is None]
    if missing:
        raise DataError(
            f"{tree.place} lacks {len(missing)} of the {len(files)} images of {where}, the first is {missing[0]}"
        )
    return {file: original for file, original in found.items() if original is not None}
