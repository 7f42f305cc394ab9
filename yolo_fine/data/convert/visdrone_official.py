# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a split is the official one of VisDrone2019-DET, and how it differs if it isn't."""

from __future__ import annotations

from dataclasses import dataclass

from yolo_fine.data.convert.visdrone_labels import Counts


@dataclass(frozen=True)
class OfficialSplit:
    """What is known of an official split; ``fingerprint`` hashes its annotation files, None where it isn't known."""

    name: str
    images: int
    objects: int
    ignored: int
    others: int
    fingerprint: str | None = None


OFFICIAL = {
    "train": OfficialSplit(
        "train", 6471, 343205, 8813, 1532, "edc9f77a3b5a7baa85cb06d5907db60ee29604d4e5bf2b79252d07a214e266b3"
    ),
    "val": OfficialSplit(
        "val", 548, 38759, 1378, 32, "c157a9009ee7f989a23b22a7923951a08eb05c3d5b59a6db3946980dd4601e3f"
    ),
    "test": OfficialSplit("test-dev", 1610, 75102, 2180, 265),
}


@dataclass(frozen=True)
class Verdict:
    """Whether a split is the official one.

    Attributes:
        official: Counts are the official ones, and contents too where the official fingerprint is known.
        text: The same in words.
    """

    official: bool
    text: str


def judge_images(split: str, images: int) -> str:
    """Compare a split of which nothing but the number of images is known: what :func:`judge` says in words."""
    known = OFFICIAL[split]
    return judge(split, Counts(images, known.objects, known.ignored, known.others, 0, 0), None).text


def judge(split: str, counts: Counts, fingerprint: str | None) -> Verdict:
    """Compare a split with the official one.

    Args:
        split: ``train``, ``val`` or ``test``.
        counts: What its annotation files hold.
        fingerprint: :func:`yolo_fine.formats.fingerprint.text_fingerprint` of them; None if they are not at hand.
    """
    known = OFFICIAL[split]
    differing = [
        f"{getattr(counts, key):,} {what} instead of {getattr(known, key):,}"
        for key, what in (
            ("images", "images"),
            ("objects", "objects"),
            ("ignored", "ignored regions"),
            ("others", "others"),
        )
        if getattr(counts, key) != getattr(known, key)
    ]
    if differing:
        return Verdict(False, f"this is not the official {known.name} split: {', '.join(differing)}")
    if known.fingerprint is None or fingerprint is None:
        return Verdict(True, f"this is the official {known.name} split, by its counts")
    if known.fingerprint == fingerprint:
        return Verdict(True, f"this is the official {known.name} split")
    return Verdict(False, f"counts are those of the official {known.name} split, but names or rows differ from it")
