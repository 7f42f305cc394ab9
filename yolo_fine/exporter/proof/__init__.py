# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is compared between an exported file and its model, and how it is judged."""
