# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine ablate``: models x seeds under one budget, compared with honest statistics."""
