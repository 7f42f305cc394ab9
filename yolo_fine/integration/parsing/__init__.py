# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows that name registered blocks, in Ultralytics' model parser."""
