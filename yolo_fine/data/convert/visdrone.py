# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data visdrone``: the official VisDrone-DET download as a dataset for training and evaluation.

The result holds ``images/SPLIT``, ``labels/SPLIT`` (YOLO), ``annotations/SPLIT`` (the original files byte for byte: the
official protocol needs their ignored regions) and ``visdrone.yaml``. See docs/data.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.data.convert.output import check_space, existing_parent, far_boxes, places, read_record, write_record
from yolo_fine.data.convert.visdrone_labels import Counts, count_rows, labels_of
from yolo_fine.data.convert.visdrone_official import Verdict, judge
from yolo_fine.data.convert.visdrone_source import SplitSource, find_splits
from yolo_fine.errors import DataError
from yolo_fine.formats.dataset_yaml import dataset_yaml
from yolo_fine.formats.fingerprint import text_fingerprint
from yolo_fine.formats.visdrone_files import NAMES
from yolo_fine.formats.visdrone_rows import Rows, parse_annotations
from yolo_fine.integration.datasets import is_turned
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import track
from yolo_fine.utils.files import write_json
from yolo_fine.utils.folders import finished_folder
from yolo_fine.utils.images import image_size
from yolo_fine.utils.paths import StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table, readable

RECORD_FILE = "visdrone.json"
YAML_FILE = "visdrone.yaml"
BLOCK = 4096  # a small text file takes one block of the disk


@dataclass(frozen=True)
class ConvertedSplit:
    """Counts, fingerprint of the annotation files, and comparison with the official split."""

    counts: Counts
    fingerprint: str
    verdict: Verdict


@dataclass(frozen=True, repr=False)
class VisDroneSet(Result):
    """A converted VisDrone download.

    Attributes:
        root: Its folder.
        yaml: The Ultralytics dataset file inside.
        splits: What was found, by split.
        created: Whether this call wrote it; False when it was there already.
    """

    root: Path
    yaml: Path
    splits: dict[str, ConvertedSplit]
    created: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and numbers, as ``json=`` writes them."""
        splits = {name: asdict(split) for name, split in self.splits.items()}
        return {"root": str(self.root), "yaml": str(self.yaml), "created": self.created, "splits": splits}

    def table(self) -> Sequence[Row]:
        """Counts of each split."""
        return [{"split": name, **asdict(split.counts)} for name, split in self.splits.items()]

    def summary(self) -> str:
        """What each split is, what was left out, and where the set is."""
        lines = [f"{name}: {split.verdict.text}" for name, split in self.splits.items()]
        if zero := sum(split.counts.zero_size for split in self.splits.values()):
            boxes = "1 box without width or height was" if zero == 1 else f"{zero} boxes without width or height were"
            lines.append(f"{boxes} left out of the labels")
        if cut := sum(split.counts.cut for split in self.splits.values()):
            lines.append(far_boxes(cut))
        lines.append(f"{'written' if self.created else 'already there, nothing to do'}: {self.yaml}")
        return "\n".join(lines)

    def show(self) -> list[str | Table]:
        """The counts above the summary."""
        return [Table(readable(self.table())), self.summary()]


@public
def convert_visdrone(source: StrPath, out: StrPath | None = None, json: StrPath | None = None) -> VisDroneSet:
    """Convert a VisDrone-DET download, and compare it with the official splits.

    ``out`` appears when it is complete; an interrupted run leaves nothing under that name. Images of unpacked folders
    are hard-linked where the file system can, else copied; archives are unpacked.

    Args:
        source: Folder with the official split folders or their zip archives, or one of them.
        out: Folder to make; ``SOURCE-yolo`` beside the source if not given.
        json: File for the result.

    Raises:
        MissingFileError: ``source`` doesn't exist.
        DataError: The download is incomplete or broken (the message names file and line), ``out`` holds something else,
            or the disk has no room.
        ArgumentError: ``out`` or the JSON file can't be written.
    """
    source, out = places(source, out)
    sources = find_splits(source)
    contents = {split.split: _read_annotations(split) for split in sources}
    fingerprints = {name: text_fingerprint(texts) for name, texts in contents.items()}
    record = read_record(out, RECORD_FILE, fingerprints)
    created = record is None
    if record is None:
        splits = _convert(out, sources, contents, fingerprints)
    else:
        splits = {
            name: ConvertedSplit(Counts(**split["counts"]), split["fingerprint"], Verdict(**split["verdict"]))
            for name, split in record["splits"].items()
        }
    result = VisDroneSet(out, out / YAML_FILE, splits, created)
    if json is not None:
        write_json(Path(json), result.to_dict())
    return result


def _read_annotations(source: SplitSource) -> dict[str, bytes]:
    """Content of every annotation file, by name."""
    files = track(source.annotations.items(), len(source.annotations), f"{source.split}: reading")
    return {name: source.tree.read(file) for name, file in files}


def _convert(
    out: Path, sources: Sequence[SplitSource], contents: dict[str, dict[str, bytes]], fingerprints: dict[str, str]
) -> dict[str, ConvertedSplit]:
    """Write the whole set."""
    rows = {
        split.split: parse_annotations(
            contents[split.split].values(), [split.tree.where(file) for file in split.annotations.values()]
        )
        for split in sources
    }
    needed = sum(split.tree.bytes_to_write(existing_parent(out)) + 2 * BLOCK * len(split.images) for split in sources)
    check_space(out, needed)
    splits = {}
    with finished_folder(out) as folder:
        for split in sources:
            name = split.split
            counts = _write_split(folder.path, split, contents[name], rows[name])
            splits[name] = ConvertedSplit(counts, fingerprints[name], judge(name, counts, fingerprints[name]))
        found = ", ".join(f"{name} {split.counts.images} images" for name, split in splits.items())
        comment = f"VisDrone2019-DET, converted by `yolo-fine data visdrone`; {found}"
        yaml = dataset_yaml({name: f"images/{name}" for name in splits}, NAMES, comment)
        (folder.path / YAML_FILE).write_text(yaml, encoding="utf-8")
        write_record(folder.path / RECORD_FILE, {"splits": {name: asdict(split) for name, split in splits.items()}})
    return splits


def _write_split(part: Path, source: SplitSource, contents: dict[str, bytes], rows: Rows) -> Counts:
    """Images, labels and original annotations of one split."""
    image_folder, labels, annotations = (part / kind / source.split for kind in ("images", "labels", "annotations"))
    for folder in (image_folder, labels, annotations):
        folder.mkdir(parents=True)
    written = cut = 0
    ends = np.searchsorted(rows.image, np.arange(len(contents) + 1))
    files = track(source.images.items(), len(source.images), f"{source.split}: writing")
    for index, (name, file) in enumerate(files):
        image, where = image_folder / f"{name}{file.suffix}", source.tree.where(file)
        source.tree.put(file, image)
        size = image_size(image, where)
        if is_turned(image):
            raise DataError(
                f"{where} is turned by its EXIF entry: Ultralytics would train on the turned image, but VisDrone's "
                "annotations and protocol are of the stored one; remove the entry"
            )
        text, lines, far = labels_of(rows.values[ends[index] : ends[index + 1]], *size)
        written, cut = written + lines, cut + far
        (labels / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")
        (annotations / f"{name}.txt").write_bytes(contents[name])
    return replace(count_rows(rows), labels=written, cut=cut)
