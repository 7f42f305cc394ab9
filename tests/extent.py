# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much the tests run: by default what takes minutes, with ``YOLO_FINE_ALL=1`` everything.

The default is a fixed selection, with the families, tasks, kinds and past faults that a test is about all in it.
"""

from __future__ import annotations

import os

ALL = os.environ.get("YOLO_FINE_ALL") == "1"
