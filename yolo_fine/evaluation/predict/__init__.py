# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model's detections on whole and sliced images."""
