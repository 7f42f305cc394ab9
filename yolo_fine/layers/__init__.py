# SPDX-License-Identifier: AGPL-3.0-or-later
"""What blocks are built of."""
