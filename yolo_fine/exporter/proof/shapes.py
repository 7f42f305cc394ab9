# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shapes that a file is proven at: its own, and others where it claims to take them."""

from __future__ import annotations

from yolo_fine.integration.export_reference import Reference

Shape = tuple[int, int, int]  # batch, height, width
LEAST_CELLS = 300  # at the finest level: an end-to-end head chooses its rows from them


def shapes_to_prove(reference: Reference, *, sizes: bool, batches: bool) -> list[Shape]:
    """The export's own shape; for a dynamic file another aspect and a larger size, and a second batch size.

    Args:
        reference: Export size, batch and stride.
        sizes: The file claims to take any size.
        batches: The file claims to take any batch.
    """
    batch, (height, width), stride = reference.batch, reference.imgsz, reference.stride
    second = (2 if batch == 1 else 1) if batches else batch
    shapes = [(batch, height, width)]
    if sizes:
        lower = height * 3 // 4 // stride * stride
        if lower * width // 64 < LEAST_CELLS:  # too few cells for an end-to-end head: wider instead
            shapes.append((second, height, width + stride))
        else:
            shapes.append((second, lower, width))
        larger = (max(height, width) * 5 // 4 // stride + 1) * stride
        shapes.append((batch, larger, larger))
        if height != width:
            shapes.append((second, max(height, width), max(height, width)))
    elif batches:
        shapes.append((second, height, width))
    return shapes
