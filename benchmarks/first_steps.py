# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first training steps after three ways to take over pretrained weights.

    python benchmarks/first_steps.py weights=yolo11n.pt [steps=200] [imgsz=320] [out=docs/first_steps]

One model with FINE is trained three times on the procedural set: with stock transfer (by layer number), with ours
(layers paired), and with ours but FINE as published (``modulation="mul"``). Seed, images, their order and their
augmentation are the same: the random generators are seeded anew after the model is built, and every batch is hashed.
Writes ``out.json`` and ``out.png``.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import ultralytics
import yaml
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import BaseModel, yaml_model_load
from ultralytics.utils.torch_utils import init_seeds

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.transfer.pairing import Pairing
from yolo_fine.integration.transfer.weights import compare, transfer
from yolo_fine.recipes import run_script
from yolo_fine.utils.files import write_json

BATCH, IMAGES, SEED = 8, 200, 0  # cfg/datasets/smallobjects.yaml has 200 training images: 25 steps an epoch
SETTINGS: dict[str, Any] = {
    "data": "smallobjects.yaml", "batch": BATCH, "nbs": BATCH, "seed": SEED, "optimizer": "AdamW", "lr0": 0.001,
    "lrf": 1.0, "momentum": 0.9, "weight_decay": 0.0005, "warmup_epochs": 0.0, "mosaic": 0.0, "close_mosaic": 0,
    "amp": False, "workers": 0, "deterministic": True, "cache": "ram", "plots": False, "device": "cpu",
}  # fmt: skip
RUNS = {
    "stock": "stock transfer (by layer number)",
    "ours": "yolo_fine (layers paired)",
    "paper": "yolo_fine, FINE with the paper's init",
}


class Recorder(DetectionTrainer):
    """Ultralytics' trainer, which loads the weights in a chosen way and keeps the curves."""

    def __init__(self, way: str, overrides: dict[str, Any]) -> None:
        self.way = way
        self.losses: list[float] = []
        self.scores: dict[int, dict[str, float]] = {}
        self.batches = hashlib.sha256()
        self.arrived = ""
        super().__init__(overrides=overrides)
        self.add_callback("on_train_start", Recorder.begin)
        self.add_callback("on_train_batch_end", Recorder.keep_loss)
        self.add_callback("on_fit_epoch_end", Recorder.keep_score)

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """Build the model, then load the weights in this run's way."""
        model = super().get_model(cfg, None, verbose)
        if self.way == "stock":
            inspect.unwrap(BaseModel.load)(model, weights)
            layers = {i: i for i in range(min(len(model.model), len(weights.model)))}
            report = compare(weights, model, Pairing(layers))
        else:
            report = transfer(model, weights)
        self.arrived = f"{report.transferred}/{report.total}"
        return model

    def begin(self) -> None:
        """Measure the untrained model, then seed: the models before have drawn different amounts of random numbers."""
        found = self.get_validator()(model=copy.deepcopy(self.model).eval())
        self.scores[0] = _map(found)
        init_seeds(SEED, deterministic=True)

    def preprocess_batch(self, batch: Any) -> Any:
        """Take the fingerprint of what the model is trained on."""
        if self.model.training:
            for key in ("img", "bboxes", "cls"):
                self.batches.update(batch[key].numpy().tobytes())
        return super().preprocess_batch(batch)

    def keep_loss(self) -> None:
        """One step's loss for each image."""
        self.losses.append(round(float(self.loss.detach()) / BATCH, 5))

    def keep_score(self) -> None:
        """The validator's metrics at the end of an epoch (of the moving average of the weights, as always)."""
        self.scores.setdefault(len(self.losses), _map(self.metrics))


def _map(metrics: dict[str, Any]) -> dict[str, float]:
    return {name: round(float(metrics[f"metrics/{name}(B)"]), 5) for name in ("mAP50", "mAP50-95")}


def paper_yaml(model: str, folder: Path) -> str:
    """The model YAML with FINE rows as published, written to ``folder``; returns its path with the scale letter."""
    rows = copy.deepcopy(yaml_model_load(model))
    found = [row for row in rows["head"] if row[2] == "FINE"]
    for row in found:
        row[3] = [*row[3], {"modulation": "mul"}]
    if not found:
        raise ArgumentError(f"model={model} has no FINE row, so there is no paper's init to compare with")
    file = folder / Path(model).name
    file.write_text(yaml.safe_dump({key: rows[key] for key in rows if key not in ("yaml_file", "scale")}))
    return str(file)


def first_steps(
    *,
    weights: Path,
    model: str = "yolo11n-fine.yaml",
    steps: int = 200,
    imgsz: int = 320,
    out: Path = Path("docs/first_steps"),
) -> None:
    """Train three times and write the metrics.

    Args:
        weights: Pretrained checkpoint of the model's family and scale.
        model: Model YAML with FINE rows.
        steps: Steps of each run, a multiple of 50 (twice over the images).
        imgsz: Side of the images.
        out: Name of the files to write, without ending.
    """
    if steps < 1 or steps % (2 * IMAGES // BATCH):
        raise ArgumentError(f"steps={steps}: must be a multiple of {2 * IMAGES // BATCH}: twice over the images")
    runs = {}
    with tempfile.TemporaryDirectory() as name:
        for way, label in RUNS.items():
            started = time.perf_counter()
            trainer = Recorder(
                way,
                {
                    **SETTINGS,
                    "model": paper_yaml(model, Path(name)) if way == "paper" else model,
                    "pretrained": str(weights), "imgsz": imgsz, "epochs": steps * BATCH // IMAGES,
                    "project": name, "name": way,
                },
            )  # fmt: skip
            trainer.train()
            runs[way] = {
                "label": label, "tensors": trainer.arrived, "batches_sha256": trainer.batches.hexdigest(),
                "loss": trainer.losses, "scores": trainer.scores, "seconds": round(time.perf_counter() - started),
            }  # fmt: skip
    result = {
        "model": model, "weights": weights.name, "steps": steps, "imgsz": imgsz, "settings": SETTINGS,
        "command": f"python benchmarks/first_steps.py weights={weights.name} steps={steps} imgsz={imgsz}",
        "versions": {"torch": torch.__version__, "ultralytics": ultralytics.__version__},
        "same_batches": len({run["batches_sha256"] for run in runs.values()}) == 1, "runs": runs,
    }  # fmt: skip
    write_json(out.with_suffix(".json"), result)
    draw(result, out.with_suffix(".png"))
    print(f"same batches in all runs: {result['same_batches']}")


def draw(result: dict[str, Any], image: Path) -> None:
    """Loss and mAP50 of the runs in one image."""
    from matplotlib import pyplot

    metric, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), dpi=100, layout="constrained")
    for run, color in zip(result["runs"].values(), ("tab:gray", "tab:blue", "tab:orange"), strict=True):
        loss = torch.tensor(run["loss"])
        smooth = torch.stack([loss[max(0, i - 9) : i + 1].mean() for i in range(len(loss))])
        left.plot(range(1, len(loss) + 1), loss, color=color, alpha=0.2, linewidth=0.8)
        left.plot(range(1, len(loss) + 1), smooth, color=color, linewidth=1.8, label=run["label"])
        scores = {int(step): values["mAP50"] for step, values in run["scores"].items()}
        right.plot(list(scores), list(scores.values()), "o-", color=color, markersize=3.5, linewidth=1.8)
    left.set(xlabel="training step", ylabel="loss per image", title="Loss (thick: mean of the last 10 steps)")
    left.set(yscale="log", yticks=(5, 10, 20, 40), yticklabels=("5", "10", "20", "40"))
    left.minorticks_off()
    right.set(xlabel="training step", ylabel="mAP50", title="mAP50 on the val images", ylim=(0, None))
    left.legend(frameon=False, fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    metric.savefig(image)


if __name__ == "__main__":
    run_script(first_steps, ("python benchmarks/first_steps.py weights=yolo11n.pt",))
