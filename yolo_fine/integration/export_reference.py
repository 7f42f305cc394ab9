# SPDX-License-Identifier: AGPL-3.0-or-later
"""The PyTorch side of the comparison: the network exactly as Ultralytics prepares it for tracing, in float32."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.exporter import SHAPING, has_end2end_head, in_words_of_release
from yolo_fine.integration.log import quiet_ultralytics, short
from yolo_fine.utils.arrays import Array

if TYPE_CHECKING:
    from torch import nn

Layout = Literal["grid", "rows", "queries", "query_rows", "plain"]
WITH_BOXES = ("detect", "segment", "pose", "obb")


@dataclass(frozen=True)
class Reference:
    """A network that is ready to be traced, and how to read its outputs.

    Attributes:
        network: Fused, float32, in eval mode, with the head branch and the decoding of the export.
        layout: Of the first output. ``grid``: (batch, 4 + classes + others, cells), centre and sides in pixels.
            ``rows``: (batch, n, 6 + others) with x1 y1 x2 y2 score class, of end-to-end heads and embedded NMS.
            ``queries``: (batch, n, 4 + classes), centre and sides as fractions, of RT-DETR; newer releases choose
            the best n of them: ``query_rows``, (batch, n, 6), the same with score and class. ``plain``: anything else.
        names: Class names.
        task: As Ultralytics names it.
        stride: Image sides are multiples of it.
        imgsz: Height and width of the export.
        batch: Images of the export.
        floor: Confidence below which embedded NMS drops boxes; 0 for other layouts.
        asleep: Layers with a block of ours that still is the identity it starts as, as ``11 (FINE)``.
    """

    network: nn.Module
    layout: Layout
    names: dict[int, str]
    task: str
    stride: int
    imgsz: tuple[int, int]
    batch: int
    floor: float
    asleep: tuple[str, ...] = ()

    def run(self, images: Array) -> list[Array]:
        """Raw outputs for images of shape (batch, 3, height, width), float32, 0 to 1.

        Raises:
            ArgumentError: The network can't take this size.
        """
        import torch

        height, width = images.shape[2:]
        try:
            with torch.inference_mode():
                return list(arrays_in(self.network(torch.from_numpy(images))))
        except RuntimeError as error:
            raise ArgumentError(
                f"the network itself, before any export, can't take images of {height}x{width}: {short(error)}. Its "
                f"head says that sides are multiples of {self.stride}; if its backbone has a coarser map, say that "
                "map's stride in the model YAML, as max_stride: 32"
            ) from error


class _Prepared(BaseException):
    """Leaves Ultralytics' export once the network is prepared. No ``Exception``: those it reports as failures."""

    def __init__(self, exporter: Any) -> None:
        super().__init__()
        self.exporter = exporter


def prepare_reference(checkpoint: Path, format: str, options: dict[str, Any]) -> Reference:
    """Let Ultralytics prepare the network as for this export, and take it over before it is traced.

    Args:
        checkpoint: A copy in a scratch folder: releases before 8.3.2xx finish the export beside it.
        format: Of the export; heads differ by it.
        options: Arguments of the export. Precision is left out, so the network stays in float32.

    Raises:
        ArgumentError: Ultralytics can't prepare the network like this.
    """
    from ultralytics import YOLO

    def take_over(exporter: Any) -> None:
        if getattr(exporter, "model", None) is not None:
            raise _Prepared(exporter)

    detector = YOLO(checkpoint)
    shaping = {key: value for key, value in options.items() if key in SHAPING}
    shaping = in_words_of_release(shaping, has_end2end_head(detector))
    for event in ("on_export_start", "on_export_end"):  # older releases prepare the network behind the first
        detector.add_callback(event, take_over)
    try:
        with quiet_ultralytics():
            detector.export(format=format, device="cpu", **shaping)
    except _Prepared as prepared:
        return _read(prepared.exporter)
    except Exception as error:
        raise ArgumentError(f"{checkpoint.name} can't be exported like this: {short(error)}") from error
    raise ArgumentError(f"{checkpoint.name}: Ultralytics ended the export without preparing a network")


def _read(exporter: Any) -> Reference:
    """The reference in an exporter that has come to the point of tracing."""
    network = exporter.model.float()
    with_nms: Any = getattr(
        sys.modules[type(exporter).__module__], "NMSModel", None
    )  # not in 8.3.0, which leaves NMS out
    embedded = bool(getattr(exporter.args, "nms", None)) and with_nms is not None
    layout = "rows" if embedded else layout_of(network)
    if embedded:
        network = with_nms(network, exporter.args)
    channels = getattr(exporter.model, "yaml", {}).get("channels", 3)
    if channels != 3:
        raise ArgumentError(
            f"the model takes images of {channels} channels; what is compared here are RGB images. "
            "'yolo export' exports it without a proof"
        )
    height, width = exporter.imgsz
    return Reference(
        network=network.eval(),
        layout=layout,
        names=dict(exporter.model.names),
        task=exporter.model.task,
        stride=int(max(exporter.model.stride)),
        imgsz=(int(height), int(width)),
        batch=int(exporter.args.batch),
        floor=float(exporter.args.conf) if embedded else 0.0,
        asleep=tuple(find_asleep(exporter.model)),
    )


def layout_of(network: Any) -> Layout:
    """How to read the first output of a network without embedded NMS: see :class:`Reference`."""
    head = network.model[-1]
    if getattr(network, "end2end", False):
        return "rows"
    if type(head).__name__ == "RTDETRDecoder":
        return "query_rows" if hasattr(head, "postprocess") else "queries"
    return "grid" if network.task in WITH_BOXES else "plain"


def find_asleep(network: nn.Module) -> Iterator[str]:
    """Layers of ours with a weight or gain of zeros: what they compute beside the identity doesn't show."""
    layers: Any = network.model
    for index, layer in enumerate(layers):
        blocks = [module for module in layer.modules() if type(module).__module__.startswith("yolo_fine.")]
        weights = [tensor for block in blocks for name, tensor in block.named_parameters() if not name.endswith("bias")]
        if any(not tensor.any() for tensor in weights):
            yield f"{index} ({type(blocks[0]).__name__})"


def arrays_in(outputs: Any) -> Iterator[Array]:
    """All tensors of a network's output, in the order in which an export numbers them, as float32 arrays."""
    if hasattr(outputs, "numpy"):
        yield outputs.detach().cpu().float().numpy()
    elif isinstance(outputs, (list, tuple)):
        for output in outputs:
            yield from arrays_in(output)
