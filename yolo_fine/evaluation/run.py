# SPDX-License-Identifier: AGPL-3.0-or-later
"""The evaluation of a detector, or of files that any detector made: :func:`evaluate`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.assignment import assignment_of, differing_rules
from yolo_fine.evaluation.bootstrap import Bootstrap
from yolo_fine.evaluation.comparison import Other, read_other
from yolo_fine.evaluation.doubts import notes_on
from yolo_fine.evaluation.groups import Groups, read_groups
from yolo_fine.evaluation.manifest import build_manifest
from yolo_fine.evaluation.measure import differences, intervals, measure
from yolo_fine.evaluation.misses_file import write_misses
from yolo_fine.evaluation.predict.detector import open_detector
from yolo_fine.evaluation.predict.images import predict_images
from yolo_fine.evaluation.predict.shards import MODULE, predict_shards
from yolo_fine.evaluation.predict.whole import Predictions
from yolo_fine.evaluation.report.page import write_report
from yolo_fine.evaluation.result import DETECTIONS, EVALUATION, OFFICIAL, REPORT, Evaluation
from yolo_fine.evaluation.sizes import Bin, parse_sizes
from yolo_fine.evaluation.sources import Source, check_boxes, from_results, open_source
from yolo_fine.formats.coco_files import write_results
from yolo_fine.formats.objects import Detections
from yolo_fine.formats.visdrone_files import write_detections
from yolo_fine.utils.calls import public
from yolo_fine.utils.constraints import Positive
from yolo_fine.utils.executors import Executor, LocalExecutor, RayExecutor
from yolo_fine.utils.folders import finished_folder
from yolo_fine.utils.paths import ModelSource, StrPath

PATHS = ("annotations", "detections", "sizes_file", "images", "compare", "out", "misses", "json")


@public
def evaluate(
    model: ModelSource | None = None,
    data: StrPath | None = None,
    *,
    split: str = "val",
    annotations: StrPath | None = None,
    detections: StrPath | None = None,
    first_category: int | None = None,
    sizes_file: StrPath | None = None,
    images: StrPath | None = None,
    protocol: Literal["coco", "visdrone", "all"] = "all",
    sizes: str | int = "coco",
    slice: int | None = None,
    overlap: float = 0.2,
    full_pass: bool = True,
    whole: bool = False,
    imgsz: int | None = None,
    conf: float = 0.001,
    iou: float = 0.7,
    max_det: int = 500,
    multi_label: bool = False,
    allow_missing: bool = False,
    batch: int = 1,
    device: str | int | None = None,
    half: bool = False,
    engine: Literal["local", "ray"] = "local",
    workers: Positive = 1,
    address: str = "auto",
    gpus: float = 0,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    groups: StrPath | None = None,
    compare: StrPath | None = None,
    out: StrPath | None = None,
    numbered: bool = False,
    misses: StrPath | None = None,
    json: StrPath | None = None,
) -> Evaluation:
    """Evaluate a model on a dataset, or a file of detections on a file of annotations.

    Objects come from ``data`` or ``annotations``, boxes from ``model`` or ``detections``. Nothing is printed, but for
    progress on a terminal.

    Args:
        model: Checkpoint (``best.pt``), exported model, or a loaded ``YOLO``.
        data: Dataset YAML, as Ultralytics takes it.
        split: Its split.
        annotations: VisDrone annotation folder, or COCO ``instances.json``.
        detections: VisDrone result folder, or COCO results file.
        first_category: Number of the first class in a COCO results file, where the file itself does not say.
        sizes_file: Image sizes of an annotation folder without images: lines ``name width height``.
        images: Image folder of ``annotations``, if not beside them.
        protocol: ``coco``, ``visdrone``, or ``all`` that the annotations allow.
        sizes: Size bins: ``coco``, ``aitod``, or limits of the object's side in pixels such as ``8,16,32,96``.
        slice: Predict on overlapping squares of this many pixels, and merge.
        overlap: Share of a slice that the next one covers again.
        full_pass: With ``slice``: merge the boxes of the whole image in, for objects that no slice holds.
        whole: With ``slice``: evaluate the model on whole images too, and give the paired differences by size, with
            intervals.
        imgsz: Input size of the model in pixels; by default that of its training (with ``slice``: the slice).
        conf: Least confidence of a box.
        iou: Threshold of the model's non-maximum suppression.
        max_det: Most boxes of an image, and COCO's maxDets. VisDrone's own limits are part of its protocol.
        multi_label: A candidate box may have several classes, as in ``yolo val``; in ``yolo predict`` it has one.
        allow_missing: Accept classes of the dataset that the model doesn't know; they count, without boxes.
        batch: Images, or slices, predicted at a time.
        device: As Ultralytics takes it: ``cpu``, ``0``.
        half: Predict in half precision.
        engine: ``local``, or ``ray``: the images are shared out over a Ray cluster; ``out`` then lies on a file system
            that its machines share.
        workers: With ``local``, processes that share the images; each loads the model.
        address: Of the Ray cluster; ``auto`` finds a running one, ``local`` starts one.
        gpus: GPUs that a process takes on the Ray cluster.
        resamples: Bootstrap samples for the intervals; 0 for none.
        confidence: Of the intervals.
        seed: Of the bootstrap.
        groups: What is drawn where images are frames of clips: a regular expression for image names (without suffix)
            whose first group names the clip; a CSV file with the columns ``image`` and ``group``; or ``images`` for
            each by itself. By default VisDrone's sequences where all names have their form, else each image.
        compare: ``eval.json`` of another evaluation of the same data, with its ``detections.json`` beside it.
        out: Folder for ``eval.json``, ``report.html`` and ``detections.json``, for VisDrone's annotations also
            ``visdrone/``, the detections as the official tool reads them; nothing is written without it. Those of an
            earlier evaluation are replaced when the new ones are complete, and other files stay.
        numbered: Leave an earlier folder alone, and use the first free one of ``out``, ``out2``, ``out3``, ...
        misses: Write every miss to this COCO file, with attributes, as FiftyOne and CVAT read it.
        json: Write the content of ``eval.json`` to this file too.

    Returns:
        The metrics; ``folder`` is where the files are.

    Raises:
        ArgumentError: An argument can't be used, or ``compare`` is another measurement.
        DataError: Annotations, detections or the dataset can't be used.
        MissingFileError: A file is not there.
        CheckpointError: The model file is damaged.
    """
    arguments = dict(locals())
    arguments |= {key: Path(arguments[key]) for key in PATHS if arguments[key] is not None}
    check_boxes(arguments["model"], arguments["detections"])
    _check_arguments(arguments)
    bins = parse_sizes(str(sizes))
    places = (arguments[key] for key in ("annotations", "sizes_file", "images"))
    source = open_source(None if data is None else os.fspath(data), split, *places)
    manifest = build_manifest(source.truth, source.kind, model, _protocols(protocol, source), arguments)
    divided = read_groups(groups, source.truth.names, source.kind)
    manifest["groups"] = divided.to_dict()
    other = None if compare is None else read_other(arguments["compare"], manifest, source.truth)
    plan = _Plan(source, bins, manifest, divided, other, arguments)
    if out is None:
        result, found = _evaluate(plan)
    else:
        with finished_folder(arguments["out"], replace=not numbered, numbered=numbered) as folder:
            result, found = _evaluate(plan)
            write_results(folder.path / DETECTIONS, source.truth, found)
            write_report(folder.path / REPORT, result, source.truth, found)
            if source.kind == "visdrone":
                write_detections(folder.path / OFFICIAL, source.truth, found)
            result.to_json(folder.path / EVALUATION)
        result.folder = folder.out
    if misses is not None:
        write_misses(arguments["misses"], source.truth, found, result.sizes)
    if json is not None:
        result.to_json(json)
    result.also_written = tuple(Path(file) for file in (misses, json) if file is not None)
    return result


@dataclass(frozen=True)
class _Plan:
    """What is known before anything is computed."""

    source: Source
    bins: list[Bin]
    manifest: dict[str, Any]
    groups: Groups
    other: Other | None
    arguments: dict[str, Any]


def _evaluate(plan: _Plan) -> tuple[Evaluation, Detections]:
    """The result, and the boxes that were evaluated."""
    arguments, truth, at_whole = plan.arguments, plan.source.truth, None
    if arguments["detections"] is not None:
        found = Predictions(from_results(arguments["detections"], truth, arguments["first_category"]), speed={})
    else:
        found, at_whole = _predict(plan.source, arguments, plan.manifest)
    how: dict[str, Any] = {"protocols": plan.manifest["protocols"], "bins": plan.bins, "max_det": arguments["max_det"]}
    measured = measure(truth, found.detections, **how)
    result = Evaluation(
        **vars(measured.metrics(found.speed)),
        manifest={**plan.manifest, "notes": [*found.notes, *notes_on(truth, found.detections)]},
        curves=measured.coco.curves,
        confusion=measured.coco.confusion,
        errors=measured.coco.errors,
    )
    on_whole = None if at_whole is None else measure(truth, at_whole.detections, **how)
    if at_whole is not None and on_whole is not None:
        result.whole = on_whole.metrics(at_whole.speed)
    if arguments["resamples"]:
        draws = {key: arguments[key] for key in ("resamples", "seed", "confidence")}
        bootstrap = Bootstrap(plan.groups, **draws)
        result.samples = measured.resample(bootstrap)
        result.intervals = intervals(measured, result.samples, bootstrap)
        if on_whole is not None:
            result.slicing = differences(measured, on_whole, result.samples, bootstrap)
        if plan.other is not None:
            theirs = measure(truth, plan.other.detections, **how)
            compared = differences(measured, theirs, result.samples, bootstrap)
            rules = differing_rules(plan.manifest, plan.other.manifest)
            result.comparison = {
                "with": str(plan.other.file), "differing": plan.other.differing, "rules": rules, **compared
            }  # fmt: skip
    return result, found.detections


def _predict(
    source: Source, arguments: dict[str, Any], manifest: dict[str, Any]
) -> tuple[Predictions, Predictions | None]:
    """The model's boxes; with ``slice`` and ``whole`` those on whole images too. The manifest gets its rule."""
    if source.truth.files is None:
        raise DataError(f"{source.place} has no images to predict on; name their folder with images=DIR")
    manifest["assignment"] = assignment_of(open_detector(arguments["model"]))
    executor: Executor
    if arguments["engine"] == "ray":
        executor = RayExecutor(MODULE, arguments["address"], arguments["gpus"])
    elif arguments["workers"] > 1:
        executor = LocalExecutor(MODULE, arguments["workers"])
    else:
        return predict_images(source.truth, arguments)
    out = arguments["out"]
    return predict_shards(source.truth, arguments, executor, None if out is None else out.absolute().parent)


def _check_arguments(arguments: dict[str, Any]) -> None:
    """Check what needs no file.

    Raises:
        ArgumentError: A value is out of its range, or needs another argument.
    """
    ranges = {"conf": (0.0, 1.0), "iou": (0.0, 1.0), "confidence": (0.5, 0.9999)}
    for key, (low, high) in ranges.items():
        if not low <= arguments[key] <= high:
            raise ArgumentError(f"{key}={arguments[key]} must be from {low:g} to {high:g}")
    least = {"max_det": 1, "batch": 1, "resamples": 0, "seed": 0, "slice": 32, "imgsz": 32}
    for key, low in least.items():
        if arguments[key] is not None and arguments[key] < low:
            raise ArgumentError(f"{key}={arguments[key]} must be {low} or more")
    if not 0 <= arguments["overlap"] < 1:
        raise ArgumentError(f"overlap={arguments['overlap']} must be from 0 to below 1: a share of the slice")
    if arguments["whole"] and arguments["slice"] is None:
        raise ArgumentError("whole=True shows whole images beside slices; give slice=640 too")
    if arguments["slice"] is not None and arguments["model"] is None:
        raise ArgumentError(f"slice={arguments['slice']} needs a model=; detections from a file are taken as they are")
    if arguments["compare"] is not None and not arguments["resamples"]:
        raise ArgumentError("compare= needs resamples: without an interval a difference says nothing")


def _protocols(protocol: str, source: Source) -> list[str]:
    """The protocols to evaluate.

    Raises:
        ArgumentError: VisDrone's is asked for and the annotations are of another kind.
    """
    if protocol == "visdrone" and source.kind != "visdrone":
        raise ArgumentError(
            f"protocol=visdrone needs VisDrone's original annotations (ignored regions, others); {source.place} has "
            f"only {source.kind.upper()} ones; `yolo-fine data visdrone source=DIR` makes a dataset that keeps them"
        )
    possible = ["coco", "visdrone"] if source.kind == "visdrone" else ["coco"]
    return possible if protocol == "all" else [protocol]
