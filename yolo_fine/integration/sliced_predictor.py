# SPDX-License-Identifier: AGPL-3.0-or-later
"""Prediction by Ultralytics' own predictor, file by file, with the boxes of each image found in slices.

The stock predictor reads the sources (images, folders, videos, streams), and writes what ``yolo predict`` writes. What
differs lies between both: an image is cut, the predictor's own steps detect the slices, and the boxes are merged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yolo_fine.errors import ArgumentError, MissingFileError
from yolo_fine.integration.log import log_filter
from yolo_fine.integration.models import input_bands
from yolo_fine.integration.prediction import as_predictor, rows_of
from yolo_fine.utils.arrays import Array

if TYPE_CHECKING:
    from ultralytics import YOLO

OnSlices = Callable[[Array, Callable[[list[Array]], list[Array]]], Array]


@dataclass(frozen=True)
class Predicted:
    """One image, or frame of a video.

    Attributes:
        result: Ultralytics' ``Results``.
        rows: Left, top, right, bottom, score, class; shape (n, 6), float64.
        file: Where it comes from.
        frame: Number of the frame, from 1; None for an image.
        total: Frames of the video, or images of the source, where that is known.
        saved: The annotated image; None for a frame, and where none was asked for.
    """

    result: Any
    rows: Array
    file: str
    frame: int | None
    total: int | None
    saved: Path | None


def predict_source(
    model: YOLO, source: str, on_slices: OnSlices | None, options: Mapping[str, Any]
) -> tuple[Path, Iterator[Predicted]]:
    """Predict images, folders, videos or streams, one after the other.

    Args:
        model: The detector.
        source: As Ultralytics takes it.
        on_slices: Given an image and a detector of images, the rows of the merged boxes; None predicts whole images.
        options: Keyword arguments of ``YOLO.predict``.

    Returns:
        The folder that Ultralytics makes when it writes, and what is found while it is asked for.

    Raises:
        MissingFileError: The source has no image or video.
        ArgumentError: Ultralytics can't use an option, or the source.
    """
    options = {**options, "batch": 1}  # so that frames have their numbers
    with _quiet(source), _folder_made_later():
        extra = (
            {} if on_slices is None else {"predictor": as_predictor(sliced_predictor(model, on_slices), model, options)}
        )
        results = model.predict(source, stream=True, **extra, **options)
    return Path(model.predictor.save_dir), _found(model.predictor, source, results)


def _found(predictor: Any, source: str, results: Iterator[Any]) -> Iterator[Predicted]:
    with _quiet(source):
        for result in results:
            dataset = predictor.dataset
            is_video = getattr(dataset, "mode", "image") == "video"
            total = getattr(dataset, "frames", None) if is_video else getattr(dataset, "nf", None)
            frame = int(dataset.frame) if is_video else None
            yield Predicted(result, rows_of(result), str(result.path), frame, total, _saved(predictor, result.path))


def _saved(predictor: Any, path: str) -> Path | None:
    """Where the annotated image is: releases differ in its suffix."""
    if not predictor.args.save or predictor.dataset.mode != "image":
        return None
    folder, name = Path(predictor.save_dir), Path(predictor.txt_path).name
    as_jpeg, as_read = folder / f"{name}.jpg", folder / f"{name}{Path(path).suffix}"
    return as_read if as_read.exists() else as_jpeg


@contextmanager
def _quiet(source: str) -> Iterator[None]:
    """Silence the log, and turn what Ultralytics raises about a source into errors for people."""
    with log_filter(lambda record: record.levelno > logging.INFO):
        try:
            yield
        except FileNotFoundError as error:
            raise MissingFileError(f"source={source}: {' '.join(str(error).split())}") from error
        except (SyntaxError, NotImplementedError, ConnectionError) as error:
            raise ArgumentError(f"source={source}: {' '.join(str(error).split())}") from error


@contextmanager
def _folder_made_later() -> Iterator[None]:
    """Let a predictor choose its folder without making it: 8.3.253 and 8.4.0 make it at once, whatever is written."""
    from ultralytics.utils import files

    stock = files.increment_path

    def choose(*args: Any, **kwargs: Any) -> Path:
        return Path(stock(*args[:3], **{**kwargs, "mkdir": False}))

    files.increment_path = choose
    try:
        yield
    finally:
        files.increment_path = stock


def sliced_predictor(model: YOLO, on_slices: OnSlices) -> type:
    """The predictor of a model's task, whose boxes are found in slices."""
    import torch
    from ultralytics.engine.results import Results

    base: Any = model._smart_load("predictor")
    bands = input_bands(model)

    class SlicedPredictor(base):  # type: ignore[misc]
        batch: Any
        originals: list[Array]

        def preprocess(self, im: Any) -> Any:
            if not (isinstance(im, list) and all(isinstance(one, np.ndarray) for one in im)):
                raise ArgumentError("slices are cut from images; a tensor is taken as it is, without slice=")
            for path, pixels in zip(self.batch[0], im, strict=True):
                if bands not in (None, pixels.shape[2]):
                    raise ArgumentError(f"{path} has {pixels.shape[2]} bands, and the model takes images of {bands}")
            self.originals = im
            return super().preprocess(im)  # for the warm-up, and what the log says of the input

        def inference(self, im: Any, *args: Any, **kwargs: Any) -> Any:
            return [on_slices(pixels, self.detect) for pixels in self.originals]

        def postprocess(self, preds: Any, img: Any, orig_imgs: Any, **kwargs: Any) -> Any:
            return [
                Results(pixels, path=path, names=self.model.names, boxes=torch.tensor(rows, dtype=torch.float32))
                for rows, pixels, path in zip(preds, orig_imgs, self.batch[0], strict=True)
            ]

        def detect(self, images: list[Array]) -> list[Array]:
            """Boxes of each image, by the stock steps."""
            batch, self.batch = self.batch, ([""] * len(images), images, [""] * len(images))
            try:
                prepared = super().preprocess(images)
                found = super().postprocess(super().inference(prepared), prepared, images)
            finally:
                self.batch = batch
            return [rows_of(result) for result in found]

    return SlicedPredictor
