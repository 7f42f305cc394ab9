# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows and models run on the meta device."""
