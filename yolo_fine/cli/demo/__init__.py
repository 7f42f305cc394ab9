# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine demo``: the whole loop on drawn small objects."""
