# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small dataset in VisDrone's layout, and a detector of its classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from yolo_fine.evaluation.visdrone_files import NAMES

SIZE = 128


@dataclass(frozen=True)
class Dataset:
    """Five pictures in VisDrone's layout, as ``yolo-fine data visdrone`` writes it, and a detector's files."""

    root: Path

    @property
    def yaml(self) -> str:
        return str(self.root / "data.yaml")

    @property
    def annotations(self) -> Path:
        return self.root / "annotations" / "val"

    def detections(self, name: str, shift: float = 0.0, share: float = 1.0) -> Path:
        """Result files that find ``share`` of the objects, each ``shift`` of its width to the right."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        for file in self.annotations.iterdir():
            rows = [line.split(",") for line in file.read_text().split()]
            found = [row for row in rows if row[5] != "0"][: max(1, round(share * len(rows)))]
            lines = [
                f"{float(row[0]) + shift * float(row[2])},{row[1]},{row[2]},{row[3]},{0.9 - 0.01 * i},{row[5]},-1,-1"
                for i, row in enumerate(found)
            ]
            (folder / file.name).write_text("\n".join(lines) + "\n")
        return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    random = np.random.default_rng(0)
    for kind in ("images", "labels", "annotations"):
        (tmp_path / kind / "val").mkdir(parents=True)
    for index in range(5):
        picture = random.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "images" / "val" / f"{index}.png"), picture)
        rows, labels = ["0,0,20,20,0,0,0,0"], []
        for place in range(6):
            x, y, side = 24 + 16 * place, int(random.integers(24, 100)), int(random.integers(6, 14))
            kind = int(random.integers(0, 4))
            rows.append(f"{x},{y},{side},{side},1,{kind + 1},0,0")
            labels.append(f"{kind} {(x + side / 2) / SIZE} {(y + side / 2) / SIZE} {side / SIZE} {side / SIZE}")
        (tmp_path / "annotations" / "val" / f"{index}.txt").write_text("\r\n".join(rows) + "\r\n")
        (tmp_path / "labels" / "val" / f"{index}.txt").write_text("\n".join(labels) + "\n")
    content = {"path": str(tmp_path), "train": "images/val", "val": "images/val", "names": dict(enumerate(NAMES))}
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(content))
    return Dataset(tmp_path)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained detector of VisDrone's classes: its boxes are noise, which is enough to go through everything."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    model = YOLO("yolo11n.yaml")
    model.model = type(model.model)("yolo11n.yaml", nc=len(NAMES), verbose=False)
    model.model.names = dict(enumerate(NAMES))
    file = tmp_path_factory.mktemp("checkpoint") / "best.pt"
    model.save(file)
    return str(file)
