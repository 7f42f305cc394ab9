# SPDX-License-Identifier: AGPL-3.0-or-later
"""One training run with its inputs checked first: what the recipes in ``scripts/`` have in common."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from yolo_fine._version import __version__
from yolo_fine.cli.help import HELP, call_help, styled
from yolo_fine.cli.words import call
from yolo_fine.errors import ArgumentError, DataError, MissingFileError, YoloFineError
from yolo_fine.integration.devices import is_device_here
from yolo_fine.integration.model_names import read_name
from yolo_fine.integration.models import run_of
from yolo_fine.utils.console import show_error, show_styled
from yolo_fine.utils.files import write_json
from yolo_fine.utils.plain import plain


def train_and_validate(
    model: str, weights: str, *, common: dict[str, Any], train: dict[str, Any], how_to_get: str, json: str | None
) -> None:
    """Check everything that can be checked, train, validate ``best.pt``, and say where it is.

    Args:
        model: Model YAML, or a ``.pt`` to go on from.
        weights: Checkpoint to start from; ``auto`` = the COCO weights of the model's family and scale
            (``yolo11n-fine.yaml`` -> ``yolo11n.pt``); ``none`` = from scratch.
        common: Arguments of both ``YOLO.train()`` and ``YOLO.val()``; ``data``, ``imgsz``, ``batch`` and ``device``
            are among them.
        train: Arguments of ``YOLO.train()`` alone; ``epochs`` and ``seed`` are among them.
        how_to_get: Said when the data can't be used.
        json: Write a summary to this file.

    Raises:
        ArgumentError: A setting is out of range, or the device is not available.
        MissingFileError: The weights are not here and can't be downloaded.
        DataError: The dataset is missing or has no labels.
    """
    from ultralytics import YOLO
    from ultralytics import __version__ as ultralytics_version

    from yolo_fine.formats.yolo_layout import check_labels

    check_settings({**common, **train}, json)
    detector = YOLO(model)
    start = coco_weights(model) if weights == "auto" else None if weights.lower() == "none" else weights
    try:
        if start:
            YOLO(start)  # downloaded and read now: a mistake must not wait for the data
    except OSError as error:
        raise MissingFileError(f"weights={start}: {error}; name a .pt file that is here, or weights=none") from error
    try:
        check_labels(common["data"])
    except DataError as error:
        raise DataError(f"{error}; {how_to_get}" if how_to_get else str(error)) from error

    detector.train(pretrained=start or model.endswith(".pt"), **train, **common)

    run = run_of(detector)
    used = {**common, "batch": run.batch}
    metrics = YOLO(run.best).val(**used, project=str(run.folder), name="val", plots=train.get("plots", True))
    print(f"mAP50-95 {metrics.box.map:.4f}  mAP50 {metrics.box.map50:.4f}  (Ultralytics' evaluator)")
    print(f"best weights: {run.best}")
    if json:
        versions = {"yolo_fine": __version__, "ultralytics": ultralytics_version}
        results = {key: float(value) for key, value in metrics.results_dict.items()}
        settings = {"model": model, "weights": start, "epochs": train["epochs"], "seed": train["seed"], **used}
        write_json(Path(json), {"best": str(run.best), "metrics": results, "settings": settings, "versions": versions})


def check_settings(settings: dict[str, Any], json: str | None) -> None:
    """Raise :class:`ArgumentError` for numbers out of range, an absent device, or a result file that is a folder."""
    batch = settings["batch"]
    if settings["epochs"] < 1 or settings["imgsz"] < 32 or settings["seed"] < 0 or not (batch >= 1 or batch == -1):
        raise ArgumentError("epochs and batch must be at least 1, imgsz at least 32, seed at least 0")
    if json and Path(json).is_dir():
        raise ArgumentError(f"json={json} is a folder; name a file")
    if not is_device_here(settings["device"]):
        raise ArgumentError(f"device={settings['device']} is not available here; device=cpu always is")


def coco_weights(model: str) -> str | None:
    """``yolo11n-fine.yaml`` -> ``yolo11n.pt``; nothing for a model that is a checkpoint itself.

    Raises:
        ArgumentError: The name shows no family and scale.
    """
    if model.endswith(".pt"):
        return None
    name = read_name(model)
    if name is None or not name.scale:
        raise ArgumentError(f"weights=auto: '{model}' names no family and scale; say weights=FILE.pt or weights=none")
    return f"{name.family}{name.scale}.pt"


def run_script(function: Callable[..., Any], examples: Sequence[str], bare: str | None = None) -> None:
    """Call a recipe with the command line's words and end the process; ``--help`` and ``-h`` show what it takes.

    Exit code 0 if it returns nothing or True, 1 if it returns False; a user's mistake is one line and exit code 2.

    Args:
        function: Its docstring and annotations are the help.
        examples: Commands as a user types them.
        bare: Arguments that may be given without their key, in their order, with blanks between.
    """
    from yolo_fine.cli.inputs import users_mistake

    words, name = sys.argv[1:], Path(sys.argv[0]).name
    if any(word in HELP for word in words):
        summary = (inspect.getdoc(sys.modules["__main__"]) or name).split(":", maxsplit=1)[0]
        show_styled(call_help(f"{name}: {plain(summary)}", function, bare, examples), styled)
        sys.exit(0)
    try:
        result = call(function, words, bare)
    except Exception as error:
        message = str(error) if isinstance(error, YoloFineError) else users_mistake(error)
        if message is None:
            raise
        show_error(f"{Path(name).stem}: {' '.join(message.split())}")
        sys.exit(getattr(error, "exit_code", 2))
    sys.exit(1 if result is False else 0)
