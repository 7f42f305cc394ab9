# SPDX-License-Identifier: AGPL-3.0-or-later
"""What ``scripts/torture.py`` does to the commands, a kind of fault a file."""
