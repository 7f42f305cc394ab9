# SPDX-License-Identifier: AGPL-3.0-or-later
"""Datasets: VisDrone and COCO conversion and checking, and the procedural sample set."""
