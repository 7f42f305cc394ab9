# SPDX-License-Identifier: AGPL-3.0-or-later
"""What Ultralytics says can go to a file for a while, and to the terminal again."""

import os
import subprocess
import sys

from yolo_fine.integration.versions import installed_version

FIRST_IMPORT = """
import sys
from pathlib import Path
from yolo_fine.integration.log import output_to
with output_to(Path(sys.argv[1])):
    from ultralytics.utils import LOGGER
    LOGGER.info("aside")
    print("printed")
LOGGER.info("on the terminal")
"""


def test_the_first_import_on_a_machine_is_as_quiet_as_the_rest(tmp_path):
    """Ultralytics says in it where it keeps its settings."""
    environment = {**os.environ, "YOLO_CONFIG_DIR": str(tmp_path / "settings")}
    done = subprocess.run(
        [sys.executable, "-c", FIRST_IMPORT, str(tmp_path / "log.txt")],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "on the terminal\n"
    assert done.stderr == ""
    log = (tmp_path / "log.txt").read_text()
    assert "Settings" in log or installed_version() < (8, 4, 190)  # 8.4.100 keeps it to itself
    assert log.endswith("aside\nprinted\n")
