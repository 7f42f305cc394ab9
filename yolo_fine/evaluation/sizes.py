# SPDX-License-Identifier: AGPL-3.0-or-later
"""Size bins: which objects count as small.

The size of an object is the square root of its area in pixels. As in pycocotools both limits belong to a bin, so that
an object exactly on a limit counts in two bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.hints import did_you_mean


@dataclass(frozen=True)
class Bin:
    """Objects of ``min_side`` to ``max_side`` pixels, both included; ``max_side`` None means no upper limit."""

    name: str
    min_side: float
    max_side: float | None


# "aitod" are the bins of AI-TOD (Wang et al., "Tiny Object Detection in Aerial Images", ICPR 2020). The paper writes
# very tiny as 2-8 px and medium as 32-64 px, the extent of its own objects; here the outer bins are open, so that on
# other data every object has a bin: one below 2 px is very_tiny, one above 64 px medium.
KNOWN_BINS = {
    "coco": (Bin("small", 0, 32), Bin("medium", 32, 96), Bin("large", 96, None)),
    "aitod": (Bin("very_tiny", 0, 8), Bin("tiny", 8, 16), Bin("small", 16, 32), Bin("medium", 32, None)),
}
EXAMPLE = "sizes=coco, sizes=aitod or your own limits in pixels, as sizes=8,16,32,96"


def parse_sizes(text: str) -> list[Bin]:
    """Read size bins as a user writes them.

    Args:
        text: ``coco`` (small below 32 px, medium to 96, large), ``aitod`` (very_tiny below 8 px, tiny to 16, small to
            32, medium), or ascending limits in pixels: ``8,16,32`` gives bins ``0-8``, ``8-16``, ``16-32``, ``32+``.

    Returns:
        The bins, from small to large.

    Raises:
        ArgumentError: The text is neither.
    """
    text = str(text).strip()
    if text.lower() in KNOWN_BINS:
        return list(KNOWN_BINS[text.lower()])
    words = [word.strip() for word in text.split(",")]
    if len(words) == 1 and not words[0][:1].isdigit():
        raise ArgumentError(f"sizes={text}: unknown size bins{did_you_mean(text.lower(), KNOWN_BINS)}; {EXAMPLE}")
    limits = [_limit(text, word) for word in words]
    for lower, upper in pairwise(limits):
        if upper <= lower:
            raise ArgumentError(f"sizes={text}: {upper:g} follows {lower:g}, but limits must ascend; {EXAMPLE}")
    closed = [Bin(f"{lower:g}-{upper:g}", lower, upper) for lower, upper in pairwise([0.0, *limits])]
    return [*closed, Bin(f"{limits[-1]:g}+", limits[-1], None)]


def _limit(text: str, word: str) -> float:
    """One limit in pixels. Digits and a point only: float() would also take 'nan', 'inf' and '1_0'."""
    digits = word.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()):
        raise ArgumentError(f"sizes={text}: '{word}' is not a number of pixels; {EXAMPLE}")
    limit = float(word)
    if not 0 < limit < 1e5:
        raise ArgumentError(f"sizes={text}: {word} is not between 0 and 100000 pixels; {EXAMPLE}")
    return limit
