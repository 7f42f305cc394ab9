# SPDX-License-Identifier: AGPL-3.0-or-later
"""Class activation without gradients: the strongest direction of a map's features, for every cell."""

from __future__ import annotations

from typing import Any

from yolo_fine.utils.arrays import Array


def eigen_cam(features: Any) -> Array:
    """Eigen-CAM of one map: "Eigen-CAM: Class Activation Map using Principal Components" (arXiv 2008.00299).

    The features of each cell are projected on the first principal component of all cells. Its sign, which the
    decomposition leaves open, is chosen so that cells of large features are positive; negative ones are cut.

    Args:
        features: (C, H, W).

    Returns:
        (H, W), from 0 to 1.
    """
    import torch

    channels, height, width = features.shape
    cells = features.reshape(channels, -1).T.double()  # (H·W, C)
    centred = cells - cells.mean(0)
    component = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -1]
    projected = centred @ component
    sizes = cells.norm(dim=1)
    if float((projected * (sizes - sizes.mean())).sum()) < 0:
        projected = -projected
    projected = projected.clamp(min=0)
    peak = float(projected.max())
    found: Array = (projected / (peak or 1.0)).reshape(height, width).cpu().numpy()
    return found
