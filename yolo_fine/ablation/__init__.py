# SPDX-License-Identifier: AGPL-3.0-or-later
"""Comparisons of model variants over several training seeds."""
