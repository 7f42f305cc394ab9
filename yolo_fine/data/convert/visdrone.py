# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data visdrone``: the official VisDrone-DET download as a dataset for training and evaluation.

The result holds ``images/SPLIT``, ``labels/SPLIT`` (YOLO), ``annotations/SPLIT`` (the original files byte for byte: the
official protocol needs their ignored regions) and ``visdrone.yaml``. See docs/data.md.
"""

from __future__ import annotations

import json as json_format
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.data.convert.dataset_yaml import dataset_yaml
from yolo_fine.data.convert.publish import (
    check_space,
    default_out,
    existing_parent,
    finished_folder,
    is_free,
    print_leftovers,
)
from yolo_fine.data.convert.visdrone_labels import CLASSES, Counts, count_rows, label_text, read_rows
from yolo_fine.data.convert.visdrone_official import Verdict, judge
from yolo_fine.data.convert.visdrone_source import ORDER, SplitSource, find_splits
from yolo_fine.errors import DataError
from yolo_fine.formats.fingerprint import text_fingerprint
from yolo_fine.utils.files import write_json
from yolo_fine.utils.images import image_size
from yolo_fine.utils.progress import track

RECORD_FILE = "visdrone.json"
YAML_FILE = "visdrone.yaml"
BLOCK = 4096  # a small text file takes one block of the disk


@dataclass(frozen=True)
class ConvertedSplit:
    """Counts, fingerprint of the annotation files, and comparison with the official split."""

    counts: Counts
    fingerprint: str
    verdict: Verdict


@dataclass(frozen=True)
class VisDroneSet:
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


def convert_visdrone(source: Path, out: Path | None = None, json: Path | None = None) -> VisDroneSet:
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
            or the disk is full.
        ArgumentError: The JSON file can't be written.
    """
    source = source.expanduser().resolve()  # shells leave source=~/DIR as it is
    out = default_out(source) if out is None else out.expanduser().resolve()
    sources = find_splits(source)
    tables = {split.split: _read_annotations(split) for split in sources}
    splits = {name: _describe(name, *contents) for name, contents in tables.items()}
    created = not _is_there(out, splits)
    if created:
        print_leftovers(out)
        needed = sum(s.tree.bytes_to_write(existing_parent(out)) + 2 * BLOCK * len(s.images) for s in sources)
        check_space(out, needed)
        with finished_folder(out) as part:
            for split in sources:
                _write_split(part, split, *tables[split.split])
            comment = f"VisDrone2019-DET, converted by `yolo-fine data visdrone`; {_in_words(splits)}"
            yaml = dataset_yaml({name: f"images/{name}" for name in splits}, CLASSES, comment)
            (part / YAML_FILE).write_text(yaml, encoding="utf-8")
            record = {name: asdict(split) for name, split in splits.items()}
            (part / RECORD_FILE).write_text(json_format.dumps(record, indent=2) + "\n", encoding="utf-8")
    result = VisDroneSet(out, out / YAML_FILE, splits, created)
    _print_result(result)
    if json is not None:
        write_json(json, result.to_dict())
    return result


def _read_annotations(source: SplitSource) -> tuple[dict[str, bytes], dict[str, np.ndarray]]:
    """Content and rows of every annotation file, by name."""
    contents, rows = {}, {}
    for name, file in track(source.annotations.items(), len(source.annotations), f"{source.split}: reading"):
        contents[name] = source.tree.read(file)
        rows[name] = read_rows(contents[name], source.tree.where(file))
    return contents, rows


def _describe(split: str, contents: dict[str, bytes], rows: dict[str, np.ndarray]) -> ConvertedSplit:
    counts, fingerprint = count_rows(rows.values()), text_fingerprint(contents)
    return ConvertedSplit(counts, fingerprint, judge(split, counts, fingerprint))


def _is_there(out: Path, splits: dict[str, ConvertedSplit]) -> bool:
    """Whether ``out`` already holds exactly these splits.

    Raises:
        DataError: It holds something else, or files of it are missing.
    """
    if is_free(out):
        return False
    record = out / RECORD_FILE
    if not record.is_file():
        raise DataError(
            f"out={out} exists and is no converted VisDrone set (it has no {RECORD_FILE}); give another out=DIR"
        )
    try:
        stored = json_format.loads(record.read_text(encoding="utf-8"))
        found = {name: split["fingerprint"] for name, split in stored.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{record} is damaged ({error}); delete {out} and convert again") from error
    if found != {name: split.fingerprint for name, split in splits.items()}:
        raise DataError(
            f"out={out} holds another conversion ({', '.join(found)} of other annotations or splits); "
            "delete it or give another out=DIR"
        )
    for name, split in splits.items():
        for kind in ("images", "labels", "annotations"):
            folder = out / kind / name
            count = sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
            if count < split.counts.images:
                raise DataError(
                    f"{folder} holds {count} files instead of {split.counts.images}; delete {out} and convert again"
                )
    return True


def _write_split(part: Path, source: SplitSource, contents: dict[str, bytes], rows: dict[str, np.ndarray]) -> None:
    """Images, labels and original annotations of one split."""
    image_folder, labels, annotations = (part / kind / source.split for kind in ("images", "labels", "annotations"))
    for folder in (image_folder, labels, annotations):
        folder.mkdir(parents=True)
    for name, file in track(source.images.items(), len(source.images), f"{source.split}: writing"):
        image = image_folder / f"{name}{file.suffix}"
        source.tree.put(file, image)
        text = label_text(rows[name], *image_size(image, source.tree.where(file)))
        (labels / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")
        (annotations / f"{name}.txt").write_bytes(contents[name])


def _in_words(splits: dict[str, ConvertedSplit]) -> str:
    return ", ".join(f"{name} {split.counts.images} images" for name, split in splits.items())


def _print_result(result: VisDroneSet) -> None:
    """A table of counts, what each split is, and what to type next."""
    print(f"{'split':<6}{'images':>10}{'objects':>10}{'ignored':>10}{'others':>10}{'zero size':>11}{'labels':>10}")
    for name in ORDER:
        if name in result.splits:
            c = result.splits[name].counts
            cells = f"{c.images:>10,}{c.objects:>10,}{c.ignored:>10,}{c.others:>10,}{c.zero_size:>11,}{c.labels:>10,}"
            print(f"{name:<6}{cells}")
    for name, split in result.splits.items():
        print(f"{name}: {split.verdict.text}")
    zero = sum(split.counts.zero_size for split in result.splits.values())
    if zero:
        print(f"{zero} boxes without width or height were left out of the labels")
    print(f"{'written' if result.created else 'already there, nothing to do'}: {result.yaml}")
