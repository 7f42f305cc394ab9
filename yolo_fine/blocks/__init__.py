# SPDX-License-Identifier: AGPL-3.0-or-later
"""The packaged blocks: one idea a file. Importing this package registers them all."""

from __future__ import annotations
