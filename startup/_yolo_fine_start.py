# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs at interpreter start, from ``yolo_fine.pth`` (and from ``yolo_fine.start`` where PEP 829 is in force).

It arms an import hook that does nothing until Ultralytics is imported. ``YOLO_FINE_AUTOLOAD=0`` turns it off. It never
raises: a broken installation of this package must not disturb any other Python process.
"""

import os


def start():
    """Arm the integration unless ``YOLO_FINE_AUTOLOAD`` is 0."""
    if os.environ.get("YOLO_FINE_AUTOLOAD", "1") == "0":
        return
    try:
        import yolo_fine  # noqa: F401
    except Exception:  # see above: never raise at interpreter start
        return
