# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which detection found which object, at IoU 0.50, to show examples from; no metric of an evaluation comes from here.

As in COCO, detections take objects by falling confidence, each the free object of its class that it overlaps most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.boxes import covered, intersections, iou

MATCH_IOU = 0.5  # from here on, a box is on the object
COVERED = 0.5  # a box covered as far as this by objects of no evaluated class is not judged


@dataclass(frozen=True)
class JudgedImage:
    """What is judged in one image: row numbers of objects and detections, and their overlaps.

    Attributes:
        index: Index into the ground truth's names.
        objects: Rows of the ground truth.
        detections: Rows of the detections.
        iou: Shape (detections, objects).
    """

    index: int
    objects: np.ndarray
    detections: np.ndarray
    iou: np.ndarray


def judged_images(truth: GroundTruth, detections: Detections) -> list[JudgedImage]:
    """What is judged: the evaluated classes, without crowds and without what lies in unjudged regions.

    Unjudged regions are objects of no evaluated class: VisDrone's ignored regions and "others". A detection that lies
    half or more in a crowd of its own class isn't judged either.
    """
    known_object, known_detection = (np.isin(x.category, list(truth.classes)) for x in (truth, detections))
    edges = np.arange(len(truth.names) + 1)
    object_at, detection_at = np.searchsorted(truth.image, edges), np.searchsorted(detections.image, edges)
    images = []
    for index in range(len(truth.names)):
        objects = np.arange(object_at[index], object_at[index + 1])
        regions = truth.boxes[objects[~known_object[objects]]]
        crowds = objects[truth.crowd[objects] & known_object[objects]]
        objects = objects[known_object[objects] & ~truth.crowd[objects]]
        objects = objects[covered(truth.boxes[objects], regions) < COVERED]
        found = np.arange(detection_at[index], detection_at[index + 1])
        found = found[known_detection[found]]
        found = found[covered(detections.boxes[found], regions) < COVERED]
        found = found[~_on_own_crowd(truth, detections, crowds, found)]
        images.append(JudgedImage(index, objects, found, iou(detections.boxes[found], truth.boxes[objects])))
    return images


def _on_own_crowd(truth: GroundTruth, detections: Detections, crowds: np.ndarray, found: np.ndarray) -> np.ndarray:
    shared = intersections(detections.boxes[found], truth.boxes[crowds])
    area = np.maximum(detections.boxes[found, 2] * detections.boxes[found, 3], np.finfo(float).tiny)
    same = detections.category[found][:, None] == truth.category[crowds][None, :]
    inside: np.ndarray = ((shared / area[:, None] >= COVERED) & same).any(axis=1)
    return inside


def match_objects(images: Sequence[JudgedImage], truth: GroundTruth, detections: Detections) -> np.ndarray:
    """The row of the object that each detection found, or -1; shape (detections,).

    A detection has no say in the matches of those with higher confidence, so a cut by confidence leaves the matches
    above it as they are.
    """
    match = np.full(len(detections), -1)
    for image in images:
        same = detections.category[image.detections][:, None] == truth.category[image.objects][None, :]
        row, column = np.nonzero(same & (image.iou >= MATCH_IOU))
        score = detections.score[image.detections][row]
        taken: set[int] = set()
        for pair in np.lexsort((-image.iou[row, column], row, -score)):
            detection, target = int(image.detections[row[pair]]), int(image.objects[column[pair]])
            if match[detection] < 0 and target not in taken:
                match[detection] = target
                taken.add(target)
    return match


def best_f1_confidence(score: np.ndarray, correct: np.ndarray, objects: int) -> float:
    """The confidence with the best F1 = 2 TP / (detections + objects); 0 without detections.

    Args:
        score: Confidence of each judged detection.
        correct: Whether it found an object.
        objects: Number of judged objects.
    """
    if not len(score):
        return 0.0
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    f1 = 2 * np.cumsum(correct[order]) / (np.arange(1, len(score) + 1) + objects)
    is_last_of_its_score = np.append(ranked[1:] != ranked[:-1], True)
    return float(ranked[np.argmax(np.where(is_last_of_its_score, f1, -1.0))])
