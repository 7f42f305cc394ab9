# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data slice``: a training set of slices."""
