# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small-object evaluation: per-size AP, the official VisDrone score, sliced inference, intervals, a report."""
