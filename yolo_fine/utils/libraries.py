# SPDX-License-Identifier: AGPL-3.0-or-later
"""Libraries of the system that a package needs and a bare machine lacks: which one, and what brings it."""

from __future__ import annotations

import re

OPENCV = (
    "OpenCV can't be loaded: {library} is missing. With root rights: apt-get install -y libgl1 libglib2.0-0; "
    "without: pip uninstall -y opencv-python && pip install opencv-python-headless"
)
OPENCV_LIBRARIES = ("libGL", "libgthread", "libglib", "libSM", "libXext", "libXrender", "libxcb")


def missing_library(error: BaseException) -> str | None:
    """What to do about an ``ImportError``, where a library of the system is missing; None for any other one."""
    found = re.search(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object", str(error))
    if found is None:
        return None
    if found[1].startswith(OPENCV_LIBRARIES):
        return OPENCV.format(library=found[1])
    return f"{found[1]} is missing on this system: {error}"
