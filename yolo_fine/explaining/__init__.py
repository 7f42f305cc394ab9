# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine explain``: what a model and its blocks do on one image, as pictures."""
