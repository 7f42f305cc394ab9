# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs of the command: which function each one calls, and how it is shown in use."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verb:
    """One verb.

    Attributes:
        place: The function that does it, as ``module:name``. It returns a :class:`~yolo_fine.utils.results.Result`.
        purpose: What it is for, in a few words.
        examples: Commands as a user types them.
        bare: The argument that may be given without its key (``yolo-fine lint my.yaml``), or several in their order,
            with blanks between (``model data`` for ``yolo-fine eval best.pt mine.yaml``).
        needs: The argument without which the command is Ultralytics' own of that name.
    """

    place: str
    purpose: str
    examples: tuple[str, ...]
    bare: str | None = None
    needs: str | None = None

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        module, _, name = self.place.partition(":")
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function


FORWARDED = {
    "train": (
        "Ultralytics' training, with model and dataset checked first",
        (
            "yolo-fine train model=yolo11n-fine.yaml pretrained=yolo11n.pt data=mine.yaml",
            "yolo-fine train my.pt VisDrone.yaml imgsz=960 batch=8",
        ),
    ),
    "val": (
        "Ultralytics' validation, with model and dataset checked first",
        (
            "yolo-fine val best.pt mine.yaml",
            "yolo-fine val model=best.pt data=mine.yaml imgsz=960 split=test",
        ),
    ),
    "predict": (
        "Ultralytics' prediction, with the model checked first",
        ("yolo-fine predict best.pt images", "yolo-fine predict model=best.pt source=video.mp4 imgsz=960"),
    ),
    "track": (
        "Ultralytics' tracking, with the model checked first",
        ("yolo-fine track best.pt video.mp4", "yolo-fine track model=best.pt source=video.mp4 imgsz=960"),
    ),
}  # Ultralytics' own modes: what they are for, and examples
# What may follow the model without a key in these modes: `yolo-fine train my.yaml mine.yaml`.
MODEL_AND = {"train": "data", "val": "data", "benchmark": "data", "predict": "source", "track": "source"}

VERBS = {
    "demo": Verb(
        "yolo_fine.cli.demo.demo:run_demo",
        "the whole loop on drawn small objects, offline, in minutes",
        ("yolo-fine demo", "yolo-fine demo out=runs/demo epochs=20"),
    ),
    "start": Verb(
        "yolo_fine.assigning.start:start",
        "what your dataset's object sizes ask for: input, head, slices, model, commands",
        ("yolo-fine start mydata.yaml", "yolo-fine start data=mydata.yaml imgsz=960 family=yolo26 scale=s"),
        bare="data",
    ),
    "data visdrone": Verb(
        "yolo_fine.data.convert.visdrone:convert_visdrone",
        "an official VisDrone download as a dataset",
        ("yolo-fine data visdrone DOWNLOADS", "yolo-fine data visdrone source=DOWNLOADS out=VisDrone"),
        bare="source out",
    ),
    "data coco": Verb(
        "yolo_fine.data.convert.coco:convert_coco",
        "COCO files of images and instances as a dataset",
        ("yolo-fine data coco coco", "yolo-fine data coco source=coco out=coco-yolo"),
        bare="source out",
    ),
    "data check": Verb(
        "yolo_fine.cli.check:check_and_draw",
        "object sizes, classes, broken labels, duplicates",
        ("yolo-fine data check VisDrone.yaml", "yolo-fine data check data=mine.yaml json=check.json"),
        bare="data",
    ),
    "data slice": Verb(
        "yolo_fine.assigning.sliced_training:slice_dataset",
        "a training set of slices, with labels, ignored regions and counts",
        (
            "yolo-fine data slice data=VisDrone.yaml out=VisDrone-640",
            "yolo-fine data slice data=VisDrone.yaml out=VisDrone-320 size=320 imgsz=640 ignored=mask originals=True",
        ),
        bare="data",
    ),
    "eval": Verb(
        "yolo_fine.cli.evaluate:evaluate_into_folder",
        "AP by object size, the official VisDrone score, intervals, an HTML report",
        (
            "yolo-fine eval best.pt VisDrone.yaml",
            "yolo-fine eval model=best.pt data=VisDrone.yaml slice=640 whole=True",
            "yolo-fine eval annotations=DIR detections=DIR",
            "yolo-fine eval model=best.pt data=VisDrone.yaml compare=runs/eval/eval.json",
        ),
        bare="model data",
    ),
    "predict": Verb(
        "yolo_fine.cli.predict:predict_and_save",
        "with slice=640: sliced prediction on images, folders and video",
        (
            "yolo-fine predict best.pt images slice=640",
            "yolo-fine predict model=best.pt source=flight.mp4 slice=640 save_txt=True save_conf=True json=boxes.json",
        ),
        bare="model source",
        needs="slice",
    ),
    "explain": Verb(
        "yolo_fine.cli.explain:explain_into_folder",
        "what each block does on an image, as pictures; two models side by side",
        (
            "yolo-fine explain best.pt img.jpg",
            "yolo-fine explain model=best.pt source=img.jpg compare=other.pt",
        ),
        bare="model source",
    ),
    "export": Verb(
        "yolo_fine.exporter.export:export",
        "export, and the proof that the file gives what the model gives",
        ("yolo-fine export model=best.pt format=onnx dynamic=True", "yolo-fine export check=best.onnx model=best.pt"),
        bare="model",
    ),
    "blocks": Verb(
        "yolo_fine.costs.block_list:describe_blocks",
        "list the blocks with their costs, or describe one",
        ("yolo-fine blocks", "yolo-fine blocks FINE", "yolo-fine blocks kind=fuse"),
        bare="name",
    ),
    "models": Verb(
        "yolo_fine.costs.model_list:describe_models",
        "the packaged model YAMLs with their costs, or one model's rows by number",
        ("yolo-fine models", "yolo-fine models scales=nsmlx", "yolo-fine models yolo11n-fine.yaml"),
        bare="name",
    ),
    "compose": Verb(
        "yolo_fine.composer.compose:compose",
        "blocks put into a stock model YAML",
        (
            "yolo-fine compose base=yolo26n fuse=FINE refine=EMA out=my.yaml",
            "yolo-fine compose base=yolo11n fuse=FINE@p4+DilatedFusion@p3 head=p2,p3,p4 out=my.yaml",
            "yolo-fine compose base=yolo11n head=p2,p3,p4 neck=bifpn out=my.yaml",
        ),
        bare="base",
    ),
    "lint": Verb(
        "yolo_fine.linter.lint:lint",
        "every problem of a model YAML at once",
        ("yolo-fine lint my.yaml", "yolo-fine lint yolo11n-fine.yaml json=problems.json"),
        bare="model",
    ),
    "seed": Verb(
        "yolo_fine.integration.transfer.seed:seed",
        "a checkpoint with every pretrained tensor in its place",
        ("yolo-fine seed my.yaml yolo26n.pt", "yolo-fine seed model=my.yaml weights=yolo26n.pt out=my.pt"),
        bare="model weights",
    ),
    "assign": Verb(
        "yolo_fine.assigning.assign:assignment",
        "which objects training can see, and what would change it",
        (
            "yolo-fine assign data=VisDrone.yaml model=yolo11n.yaml imgsz=640,960",
            "yolo-fine assign data=mine.yaml model=best.pt weights=True limit=1",
        ),
        bare="data model",
    ),
    "ablate": Verb(
        "yolo_fine.cli.ablate:ablate_and_tell",
        "models trained with several seeds on equal data, and what is beyond noise",
        (
            "yolo-fine ablate models=yolo11n.yaml,yolo11n-fine.yaml data=mine.yaml weights=yolo11n.pt seeds=5",
            "yolo-fine ablate models=yolo11n,yolo11n+fuse:FINE+head:p2 data=mine.yaml seeds=3 plan_only=True",
        ),
        bare="models",
    ),
    "bench blocks": Verb(
        "yolo_fine.costs.bench:bench_blocks",
        "time of blocks beside one 3x3 convolution",
        ("yolo-fine bench blocks", "yolo-fine bench blocks FINE,EMA train=True", "yolo-fine bench blocks growth=True"),
        bare="names",
    ),
    "bench models": Verb(
        "yolo_fine.costs.bench_models:bench_models",
        "time of models beside their stock models",
        ("yolo-fine bench models", "yolo-fine bench models yolo11n-fine.yaml,yolo11s.yaml runtime=onnxruntime"),
        bare="names",
    ),
    "doctor": Verb(
        "yolo_fine.cli.doctor:diagnose",
        "is this environment able to do all that?",
        ("yolo-fine doctor", "yolo-fine doctor json=doctor.json"),
    ),
    "completion": Verb(
        "yolo_fine.cli.completion:completion",
        "completion of verbs, keys and values for bash, zsh or fish",
        ("yolo-fine completion bash install=True", "yolo-fine completion zsh > _yolo-fine"),
        bare="shell",
    ),
}
