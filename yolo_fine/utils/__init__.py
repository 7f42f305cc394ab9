# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small helpers that know nothing of detection: arguments, files, progress, images, boxes."""
