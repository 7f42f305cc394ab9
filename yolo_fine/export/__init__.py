# SPDX-License-Identifier: AGPL-3.0-or-later
"""Export that is proven equal.

:func:`yolo_fine.export.prove.export_model` exports a checkpoint by Ultralytics and runs the file beside the very model
that was traced; :func:`yolo_fine.export.prove.check_file` does the second half for a file made elsewhere.
:func:`yolo_fine.export.command.run` is the command ``yolo-fine export``.
"""
