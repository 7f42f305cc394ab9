# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs at interpreter start, from ``yolo_fine.pth`` (and from ``yolo_fine.start`` where PEP 829 is in force).

It waits for ``import ultralytics``, and only then imports this package, which arms the integration. Until then it costs
one comparison per import. ``YOLO_FINE_AUTOLOAD=0`` turns it off. It never raises: a broken installation of this package
must not disturb any other Python process.
"""

import os
import sys


class OnUltralytics:
    """A finder that finds nothing: it only notices that Ultralytics is about to be imported."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Import this package in front of Ultralytics, once."""
        if name == "ultralytics" and is_armed():
            sys.meta_path.remove(OnUltralytics)
            try:
                import yolo_fine  # noqa: F401
            except Exception:
                return None  # see above: never raise


def start():
    """Wait for Ultralytics unless ``YOLO_FINE_AUTOLOAD`` is 0."""
    if os.environ.get("YOLO_FINE_AUTOLOAD", "1") != "0" and not is_armed():
        sys.meta_path.insert(0, OnUltralytics)


def is_armed():
    """Whether Ultralytics is waited for."""
    return OnUltralytics in sys.meta_path
