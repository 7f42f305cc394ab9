# SPDX-License-Identifier: AGPL-3.0-or-later
"""Export that is proven equal.

:func:`.prove.export_model` exports a checkpoint by Ultralytics and runs the file beside the very model that was traced;
:func:`.prove.check_file` does the second half for a file made elsewhere.
"""
