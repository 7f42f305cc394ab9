# SPDX-License-Identifier: AGPL-3.0-or-later
"""One file for each author's code: how our block reproduces its golden tensors."""
