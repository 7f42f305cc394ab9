# SPDX-License-Identifier: AGPL-3.0-or-later
"""Export a checkpoint to ONNX, prove the file, run it without Ultralytics: ``scripts/export_onnx.py weights=best.pt``.

``detect``, ``letterbox`` and ``decode`` need NumPy, OpenCV and onnxruntime alone: copy them into a product. They read
raw outputs, end-to-end heads and embedded NMS, and give the boxes that Ultralytics gives.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import yolo_fine
from yolo_fine.recipes import run_script


def detect(session: Any, image: np.ndarray, conf: float = 0.25, iou: float = 0.7) -> np.ndarray:
    """Boxes in a BGR image: x1 y1 x2 y2 score class in its own pixels, shape (n, 6), by falling score."""
    entry, notes = session.get_inputs()[0], session.get_modelmeta().custom_metadata_map
    height, width = ast.literal_eval(notes["imgsz"])
    pixels, scales, left, top = letterbox(image, height, width)
    output = session.run(None, {entry.name: pixels.astype(np.float16 if "float16" in entry.type else np.float32)})[0]
    has_rows = ast.literal_eval(notes.get("end2end", "False")) or ast.literal_eval(notes["args"]).get("nms")
    cells = output[0][: 4 + len(ast.literal_eval(notes["names"]))]  # boxes and scores, without masks or keypoints
    rows = output[0][:, :6] if has_rows else decode(cells, conf, iou)
    rows = rows[rows[:, 4] > conf].astype(np.float32)
    rows[:, :4] = (rows[:, :4] - [left, top, left, top]) / [*scales, *scales]
    rows[:, :4] = rows[:, :4].clip(0, [image.shape[1], image.shape[0]] * 2)
    return rows[np.argsort(-rows[:, 4], kind="stable")]


def letterbox(image: np.ndarray, height: int, width: int) -> tuple[np.ndarray, tuple[float, float], int, int]:
    """The image in the middle of a grey height x width, (1, 3, height, width) RGB, 0 to 1; scales and border."""
    scale = min(height / image.shape[0], width / image.shape[1])
    wide, tall = round(image.shape[1] * scale), round(image.shape[0] * scale)
    left, top = round((width - wide) / 2 - 0.1), round((height - tall) / 2 - 0.1)
    canvas = np.full((height, width, 3), 114, np.uint8)
    canvas[top : top + tall, left : left + wide] = cv2.resize(image, (wide, tall), interpolation=cv2.INTER_LINEAR)
    scales = wide / image.shape[1], tall / image.shape[0]  # not quite the same: sides are whole pixels
    return canvas[..., ::-1].transpose(2, 0, 1)[None] / np.float32(255), scales, left, top


def decode(output: np.ndarray, conf: float, iou: float, max_det: int = 300) -> np.ndarray:
    """Rows x1 y1 x2 y2 score class from a raw output (4 + classes, cells), after suppression within each class."""
    scores, labels = output[4:].max(0), output[4:].argmax(0)
    sure = np.flatnonzero(scores > conf)
    scores, labels, centre, sides = scores[sure], labels[sure], output[:2, sure].T, output[2:4, sure].T
    boxes = np.concatenate([centre - sides / 2, sides], axis=1).astype(np.float64)
    boxes[:, :2] += labels[:, None] * 10_000  # classes lie apart: boxes of two classes never overlap
    kept = np.array(cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), conf, iou), dtype=int).flatten()[:max_det]
    return np.column_stack([centre - sides / 2, centre + sides / 2, scores, labels])[kept]


def export(
    *,
    weights: Path = Path("best.pt"),
    imgsz: int | list[int] = 640,
    dynamic: bool = False,
    half: bool = False,
    simplify: bool = True,
    opset: int | None = None,
    nms: bool | None = None,
    image: Path | None = None,
    conf: float = 0.25,
    json: Path | None = None,
) -> bool:
    """Export, prove, and detect in one image; returns whether the file gives what the checkpoint gives.

    Args:
        weights: The checkpoint; the ONNX file is written beside it.
        imgsz: Image size, or ``[height,width]``.
        dynamic: Any batch and image size.
        half: float16 weights; compared with the float32 checkpoint.
        simplify: Run onnxslim.
        opset: ONNX opset; by default the newest that Ultralytics trusts.
        nms: True = NMS inside the file; False = the NMS-free head of an end-to-end model (YOLO26).
        image: Image to detect objects in; by default Ultralytics' sample.
        conf: Least confidence of its boxes.
        json: Write the proof to this file.
    """
    options = {"imgsz": imgsz, "dynamic": dynamic, "half": half, "simplify": simplify, "opset": opset, "nms": nms}
    proof = yolo_fine.export(weights, "onnx", **options)
    print(proof.to_text())
    if json:
        proof.to_json(json)
    if not proof.passed:
        return False

    import onnxruntime
    from ultralytics.utils import ASSETS

    session = onnxruntime.InferenceSession(proof.file, providers=["CPUExecutionProvider"])
    names = ast.literal_eval(session.get_modelmeta().custom_metadata_map["names"])
    file = image or Path(ASSETS) / "bus.jpg"
    print(f"{file.name}:")
    for x1, y1, x2, y2, score, label in detect(session, cv2.imread(str(file)), conf):
        print(f"  {names[int(label)]:<16}{score:.2f}  {x1:.0f},{y1:.0f} to {x2:.0f},{y2:.0f}")
    return True


if __name__ == "__main__":
    run_script(
        export,
        (
            "python scripts/export_onnx.py best.pt",
            "python scripts/export_onnx.py weights=best.pt dynamic=True image=street.jpg",
        ),
        bare="weights",
    )
