# SPDX-License-Identifier: AGPL-3.0-or-later
"""The HTML page of an evaluation: metrics, charts and the worst misses, in one file that needs nothing else."""

from __future__ import annotations
