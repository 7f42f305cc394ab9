# SPDX-License-Identifier: AGPL-3.0-or-later
"""The commands that write something, and how one sees that their result is whole."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torturing.children import command
from torturing.inputs import YAML

Act = Callable[[], int]
RUN = "runs/detect/t"


@dataclass(frozen=True)
class Writer:
    """One command that writes.

    Attributes:
        name: Its name in the table.
        words: The command, run in a folder that lies beside the inputs.
        whole: Whether its result, in that folder, is there and complete.
        again: What makes it go on after a kill; by default the command itself.
        keeps: Whether an earlier result must outlive a run that did not end.
        stays: A folder in which something whole may stay of a run that fails later: the demo's drawn images.
    """

    name: str
    words: tuple[str, ...]
    whole: Callable[[Path], bool]
    again: Callable[[Path], tuple[str, ...]] | None = None
    keeps: bool = True
    stays: str = "no such folder"

    def act(self, words: tuple[str, ...] | None = None) -> Act:
        """What runs it, or other words of the kind."""
        return draw if self.name == "drawing" else command(*(words or self.words))


def draw() -> int:
    """Draw the sample set, which is no command of its own."""
    from yolo_fine.errors import YoloFineError
    from yolo_fine.smallobjects.dataset import make_dataset

    try:
        make_dataset("o", train=6, val=4, size=64)
    except YoloFineError as error:
        print(f"yolo-fine: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _json(file: Path) -> bool:
    return isinstance(json.loads(file.read_text()), dict)


def _evaluation(place: Path) -> bool:
    kept = json.loads((place / "o/eval.json").read_text())["coco"]["AP"] > 0.5
    detections = json.loads((place / "o/detections.json").read_text())
    return kept and len(detections) > 0 and (place / "o/report.html").read_text().rstrip().endswith("</html>")


def _converted(record: str) -> Callable[[Path], bool]:
    def whole(place: Path) -> bool:
        return _files(place / "o") == json.loads((place / "o" / record).read_text())["files"]

    return whole


def _drawn(place: Path) -> bool:
    return _files(place / "o") == 3 * 10 + 2 and "settings" in json.loads((place / "o/smallobjects.json").read_text())


def _files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def _checkpoint(name: str) -> Callable[[Path], bool]:
    def whole(place: Path) -> bool:
        import torch

        kept = torch.load(io.BytesIO((place / name).read_bytes()), map_location="cpu", weights_only=False)
        return (kept.get("ema") or kept.get("model")) is not None

    return whole


def _exported(place: Path) -> bool:
    import onnx

    model = onnx.load_from_string((place / "best.onnx").read_bytes())
    return any("yolo_fine" in entry.key for entry in model.metadata_props)


def _composed(place: Path) -> bool:
    text = (place / "yolo11n-mine.yaml").read_text()
    return text.count("FINE, ") == 2 and "Detect" in text.rstrip().splitlines()[-1]


def _trained(place: Path) -> bool:
    run = place / RUN
    rows = list(csv.DictReader((run / "results.csv").read_text().splitlines()))
    epochs = [int(float(row["epoch"])) for row in rows]
    return sorted(set(epochs)) == [1, 2, 3] and _checkpoint(f"{RUN}/weights/last.pt")(place)


def repeated_epochs(place: Path) -> int:
    """Rows of ``results.csv`` whose epoch has a row already."""
    lines = (place / f"{RUN}/results.csv").read_text().splitlines()[1:]
    epochs = [line.split(",")[0].strip() for line in lines]
    return len(epochs) - len(set(epochs))


def _resume(place: Path) -> tuple[str, ...]:
    if (place / f"{RUN}/weights/last.pt").exists():
        return ("train", "resume=True", f"model={RUN}/weights/last.pt")
    return TRAINING


def _demo(place: Path) -> bool:
    told = json.loads((place / "runs/demo/demo.json").read_text())
    return _checkpoint("runs/demo/best.pt")(place) and (
        place / "runs/demo/found_and_missed.jpg"
    ).stat().st_size > 0 < len(told["ap50"])


TRAINING = (
    "train", f"model={YAML}", "data=in/set/smallobjects.yaml", "epochs=3", "imgsz=64", "batch=3", "workers=0",
    "plots=False", "amp=False", "device=cpu", "pretrained=False", "name=t", "exist_ok=True", "patience=0",
)  # fmt: skip
WRITERS = (
    Writer("train+resume", TRAINING, _trained, _resume, keeps=False),
    Writer("data visdrone", ("data", "visdrone", "source=in/visdrone", "out=o"), _converted("visdrone.json")),
    Writer("data coco", ("data", "coco", "source=in/coco", "out=o"), _converted("coco.json")),
    Writer("drawing", ("draw",), _drawn),
    Writer(
        "eval",
        ("eval", "annotations=in/truth.json", "detections=in/found.json", "out=o", "resamples=100"),
        _evaluation,
    ),
    Writer(
        "export",
        ("export", "model=best.pt", "format=onnx", "imgsz=64", "runs=0", "images=in/set/images/val"),
        _exported,
    ),
    Writer("seed", ("seed", f"model={YAML}", "weights=in/best.pt", "out=seeded.pt"), _checkpoint("seeded.pt")),
    Writer("compose", ("compose", "base=yolo11n", "fuse=FINE", "out=yolo11n-mine.yaml"), _composed),
    Writer(
        "demo",
        ("demo", "out=runs/demo", "train=6", "val=3", "size=64", "imgsz=64", "slice=48", "epochs=2", "batch=3"),
        _demo,
        stays="runs/demo/data",
    ),
)


def _there(*names: str) -> Callable[[Path], bool]:
    def whole(place: Path) -> bool:
        return all((place / name).stat().st_size > 0 for name in names)

    return whole


SET = "data=in/set/smallobjects.yaml"
OTHERS = (
    Writer("data check", ("data", "check", SET, "out=p.png", "json=p.json"), _there("p.png", "p.json"), keeps=False),
    Writer("data slice", ("data", "slice", SET, "out=o", "size=32"), _there("o"), keeps=False),
    Writer(
        "explain",
        ("explain", "model=best.pt", "source=in/set/images/val/val_00000.jpg", "imgsz=64", "conf=0.001", "out=e"),
        _there("e"),
        keeps=False,
    ),
    Writer(
        "predict slice= json=",
        ("predict", "model=best.pt", "source=in/set/images/val", "slice=48", "save=False", "json=p.json", "conf=0.001"),
        _there("p.json"),
        keeps=False,
    ),
    Writer(
        "predict slice=",
        ("predict", "model=best.pt", "source=in/set/images/val", "slice=48", "name=r", "conf=0.001"),
        _there("runs/detect/r/val_00000.jpg"),
        keeps=False,
    ),
    Writer("lint json=", ("lint", YAML, "json=l.json"), _there("l.json"), keeps=False),
    Writer(
        "assign json=", ("assign", SET, "model=yolo11n.yaml", "imgsz=64", "json=a.json"), _there("a.json"), keeps=False
    ),
)
