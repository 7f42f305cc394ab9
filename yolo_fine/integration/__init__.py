# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one seam with Ultralytics: nothing outside this package touches Ultralytics' internal names."""
