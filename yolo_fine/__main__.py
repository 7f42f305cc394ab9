# SPDX-License-Identifier: AGPL-3.0-or-later
"""``python -m yolo_fine`` is the ``yolo-fine`` command."""

import sys

from yolo_fine.cli import main

sys.exit(main())
