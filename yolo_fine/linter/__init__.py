# SPDX-License-Identifier: AGPL-3.0-or-later
"""Model YAMLs checked: every problem of a file at once."""
