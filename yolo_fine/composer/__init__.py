# SPDX-License-Identifier: AGPL-3.0-or-later
"""Model YAMLs and checkpoints cut and joined: compose, lint, seed."""
