# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine bench models``: how long models take beside their stock models, and beside the next scale."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from yolo_fine.costs.bench import Precision
from yolo_fine.costs.bench_result import Bench, Timing
from yolo_fine.costs.memory import peak_bytes
from yolo_fine.costs.model_costs import measure_at
from yolo_fine.costs.timing import Call, quartiles, ratio, read_device, take_turns
from yolo_fine.costs.timing import threads as use_threads
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.checkpoints import checkpoint_of, nearest_weights, official_file
from yolo_fine.integration.devices import processor
from yolo_fine.integration.models import open_model
from yolo_fine.utils.calls import public
from yolo_fine.utils.paths import StrPath

DEFAULT = "yolo11n-fine.yaml,yolo11n-ema.yaml,yolo11n-dysample.yaml,yolo11n-small.yaml,yolo11s.yaml"


@public
def bench_models(
    names: str = DEFAULT,
    *,
    against: str | None = None,
    imgsz: int = 640,
    compile: bool = False,
    precision: Precision = "float32",
    runtime: Literal["torch", "onnxruntime"] = "torch",
    threads: int = 1,
    device: str = "cpu",
    rounds: int = 15,
    json: StrPath | None = None,
    plot: StrPath | None = None,
) -> Bench:
    """Time models beside their stock models, fused, one image at a time, all in one run.

    All take turns in every round. A ratio whose 95 % interval holds 1 is not printed as a number.

    Args:
        names: Model YAMLs or checkpoints, as ``yolo11n-fine.yaml,yolo11s.yaml``.
        against: What all are compared with; by default each one's stock model (``yolo11n.yaml`` for
            ``yolo11n-fine.yaml``), and the first of these for models of other names.
        imgsz: Height and width of the image.
        compile: Compiled by ``torch.compile``.
        precision: Under autocast, if not float32.
        runtime: ``onnxruntime`` times the files that `yolo-fine export` makes.
        threads: CPU threads.
        device: ``cpu``, or ``0`` for the first GPU.
        rounds: How often each one takes its turn.
        json: Write the result to this file too.
        plot: Draw ratios against parameters to this ``.png`` file.

    Raises:
        MissingFileError: A model is not there.
        ArgumentError: An argument can't be used, or two can't be used together.
    """
    if runtime == "onnxruntime" and (compile or precision != "float32" or device != "cpu"):
        raise ArgumentError("runtime=onnxruntime times float32 on the CPU; leave the others out")
    if imgsz < 32 or imgsz % 32:
        raise ArgumentError(f"imgsz={imgsz} must be a multiple of 32")
    device = read_device(device)
    asked = list(dict.fromkeys(official_file(name.strip()) for name in names.split(",") if name.strip()))
    for name in asked:
        if Path(name).suffix not in (".yaml", ".yml", ".pt"):
            raise ArgumentError(f"names={name} is neither a model YAML nor a checkpoint{nearest_weights(Path(name))}")
    stock = {name: against or stock_sibling(name) for name in asked}
    first = next((sibling for sibling in stock.values() if sibling), None)
    if first is None:
        raise ArgumentError(f"names={names}: none of them has a stock model by its name; say against=yolo11n.yaml")
    compared = {name: sibling or first for name, sibling in stock.items()}
    settings: dict[str, Any] = {"imgsz": imgsz, "compiled": compile, "precision": precision, "runtime": runtime}
    settings |= {"threads": threads, "device": device, "rounds": rounds}
    with use_threads(threads):
        result = measure([*dict.fromkeys(compared.values()), *asked], compared, settings)
    if json is not None:
        result.to_json(json)
    if plot is not None:
        from yolo_fine.costs.bench_plot import draw

        draw(result, plot)
    return result


def stock_sibling(name: str) -> str | None:
    """``yolo11n-fine.yaml`` -> ``yolo11n.yaml``; None for other names. A stock model's sibling is its n-scale."""
    match = re.fullmatch(r"(yolov?\d+)([nslmx])(-[\w-]+)?\.(?:yaml|pt)", Path(name).name)
    if match is None:
        return None
    family, scale, variant = match.groups()
    return f"{family}{scale if variant else 'n'}.yaml"


def measure(names: Sequence[str], compared: dict[str, str], settings: dict[str, Any]) -> Bench:
    """Time models; ``compared`` says what each is compared with."""
    import torch

    image = torch.rand(1, 3, settings["imgsz"], settings["imgsz"])
    calls: dict[str, Call] = {}
    counts: dict[str, tuple[int, float]] = {}
    with TemporaryDirectory(prefix="yolo_fine_bench_") as folder:
        for name in dict.fromkeys(names):
            detector = open_model(name)
            network = detector.model.float().eval()
            counts[name] = (sum(p.numel() for p in network.parameters()), 500 * measure_at(network, settings["imgsz"]))
            if settings["runtime"] == "onnxruntime":
                calls[name] = onnx_model_call(detector, Path(folder), image, settings["threads"])
            else:
                calls[name] = torch_call(network.fuse(verbose=False), image, settings)
        wait = torch.cuda.synchronize if settings["device"] != "cpu" else None
        times = take_turns(calls, settings["rounds"], wait)
    timings = {
        name: Timing(
            ms=statistics.median(times[name]),
            quartiles=quartiles(times[name]),
            ratio=ratio(times[name], times[compared.get(name, name)]),
            parameters=counts[name][0],
            mmacs=counts[name][1],
            peak_mb=peak_bytes(call, settings["device"]) / 2**20 if settings["runtime"] == "torch" else None,
            against=compared.get(name),
        )
        for name, call in calls.items()
    }
    where = {"torch": torch.__version__, "processor": processor(settings["device"])}
    return Bench("models", names[0], timings, settings | where)


def torch_call(network: Any, image: Any, settings: dict[str, Any]) -> Call:
    """A call that runs a network on an image once, as the settings ask."""
    import torch

    network, pixels = network.to(settings["device"]), image.to(settings["device"])
    run = torch.compile(network) if settings["compiled"] else network
    dtype = getattr(torch, settings["precision"])
    kind = settings["device"].partition(":")[0]
    mixed = partial(torch.autocast, kind, dtype=dtype, enabled=dtype != torch.float32)

    def forward() -> Any:
        with torch.no_grad(), mixed():
            return run(pixels)

    return forward


def onnx_model_call(detector: Any, folder: Path, image: Any, threads: int) -> Call:
    """A call that runs the exported model on an image once."""
    import onnxruntime

    from yolo_fine.integration.matmul_dfl import use_matmul_dfl

    checkpoint = folder / f"model{len(list(folder.iterdir()))}.pt"
    checkpoint.write_bytes(checkpoint_of(detector.model))
    exported = open_model(checkpoint)
    use_matmul_dfl(exported)
    file = exported.export(format="onnx", imgsz=image.shape[-1], verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name, pixels = session.get_inputs()[0].name, image.numpy()
    return lambda: session.run(None, {name: pixels})
