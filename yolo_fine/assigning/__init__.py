# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine assign``: which objects training can see."""
