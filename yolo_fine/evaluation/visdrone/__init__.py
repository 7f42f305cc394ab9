# SPDX-License-Identifier: AGPL-3.0-or-later
"""The official VisDrone-DET score."""
