# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pretrained tensors follow their layers."""
