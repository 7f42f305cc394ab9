"""Write the packaged model YAMLs anew: each holds the `yolo-fine compose` command that made it in its first line.

    python scripts/regenerate_models.py              # all of them, after Ultralytics or a block has changed
    python scripts/regenerate_models.py name=-fine   # those with "-fine" in their names

A new variant: yolo-fine compose base=yolo11 refine=EMA out=cfg/models/11/yolo11-ema.yaml
"""

from __future__ import annotations

from pathlib import Path

from yolo_fine.composer.compose import recompose
from yolo_fine.recipes import run_script

MODELS = Path(__file__).resolve().parents[1] / "cfg" / "models"


def main(name: str = "") -> None:
    """Recompose every packaged YAML.

    Args:
        name: Only those with this in their names.
    """
    for file in sorted(MODELS.rglob("*.yaml")):
        if name not in file.name:
            continue
        text = recompose(file)
        changed = text != file.read_text(encoding="utf-8")
        file.write_text(text, encoding="utf-8")
        print(f"{'changed' if changed else 'same':8}{file.relative_to(MODELS)}")


if __name__ == "__main__":
    run_script(
        main, ("python scripts/regenerate_models.py", "python scripts/regenerate_models.py name=-fine"), bare="name"
    )
