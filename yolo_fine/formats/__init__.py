# SPDX-License-Identifier: AGPL-3.0-or-later
"""One reader and one writer for each file format of detection datasets."""
