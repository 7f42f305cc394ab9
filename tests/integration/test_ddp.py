# SPDX-License-Identifier: AGPL-3.0-or-later
"""The worker file that Ultralytics writes for several GPUs, run with two processes on the CPU."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
import torch

from tests.commands import FAST, run, yolo
from yolo_fine.evaluation.small_ap import COLUMNS

WRITE = """
import sys
from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import dist

overrides = dict(model="yolo11n-ema.yaml", data={data!r}, epochs=1, imgsz=64, batch=4, workers=0, plots=False,
                 amp=False, device="cpu", project={project!r}, name="run", exist_ok=True, val=False)
trainer = DetectionTrainer(overrides=overrides)
trainer.model = "yolo11n-ema.yaml"
print("FILE", dist.generate_ddp_file(trainer))
"""

# Ultralytics runs several processes on accelerators only: on the CPU its trainer sets up no process group. The worker's
# file is executed as written; around it, the trainer is told that there are two devices, both of them the CPU.
WORKER = """
import inspect, os, pathlib, runpy, sys
import torch, torch.distributed as dist
from ultralytics.engine.trainer import BaseTrainer

def setup_ddp(self, *args):
    dist.init_process_group("gloo")
    self.device = torch.device("cpu")

BaseTrainer._setup_ddp = setup_ddp
BaseTrainer.final_eval = lambda self: None  # asks for the rank's GPU
do_train, DDP = BaseTrainer._do_train, torch.nn.parallel.DistributedDataParallel

class DDPWithoutDevices(DDP):
    def __init__(self, model, device_ids=None, **kwargs):
        super().__init__(model, **kwargs)

torch.nn.parallel.DistributedDataParallel = DDPWithoutDevices

def train_in_two(self, *args):
    self.world_size = 2
    do_train(self, *([2] if "world_size" in inspect.signature(do_train).parameters else []))
    blocks = [layer for layer in self.model.module.model if layer.type.startswith("yolo_fine.")]
    mine = torch.cat([p.detach().flatten() for block in blocks for p in block.parameters()])
    total = mine.clone()
    dist.all_reduce(total)
    report = f"{len(blocks)} blocks, equal on both: {torch.allclose(mine * 2, total)}"
    pathlib.Path(sys.argv[2], f"rank{dist.get_rank()}.txt").write_text(report)

from yolo_fine.integration.training_hooks import ValidationBoxes
measure = ValidationBoxes.measure

def count_images(self):
    pathlib.Path(sys.argv[2], "images.txt").write_text(str(len(self.images)))
    return measure(self)

ValidationBoxes.measure = count_images
BaseTrainer._do_train = train_in_two
runpy.run_path(sys.argv[1], run_name="__main__")
if dist.is_initialized():  # older releases leave the group to the end of the process, where gloo may abort
    dist.barrier()
    dist.destroy_process_group()
sys.stdout.flush()
os._exit(0)  # past the interpreter's end, where a thread of gloo may abort a process that has done its work
"""


over_gloo = pytest.mark.skipif(sys.platform == "win32", reason="gloo over torchrun on Linux and macOS")


@pytest.fixture(scope="module")
def trained_in_two(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """Folder of the worker file, what each process reported, and the run."""
    folder = tmp_path_factory.mktemp("ddp")
    write, worker = folder / "write.py", folder / "worker.py"
    write.write_text(WRITE.format(data=str(tiny_data), project=str(folder)))
    done = run([sys.executable, str(write)], folder, YOLO_FINE_EVAL="small")
    assert done.returncode == 0, done.stderr[-3000:]
    file = next(line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith("FILE "))
    worker.write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = run([*command, str(worker), file, str(folder)], folder, YOLO_FINE_EVAL="small")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return folder


@over_gloo
def test_the_generated_worker_file_with_two_processes(trained_in_two: Path) -> None:
    for rank in (0, 1):
        assert (trained_in_two / f"rank{rank}.txt").read_text() == "3 blocks, equal on both: True"
    assert (trained_in_two / "run" / "weights" / "last.pt").is_file()


@over_gloo
def test_ap_small_is_that_of_the_images_of_both(trained_in_two: Path) -> None:
    assert (trained_in_two / "images.txt").read_text() == "4"
    with (trained_in_two / "run" / "results.csv").open() as file:
        (row,) = ({key.strip(): value for key, value in line.items()} for line in csv.DictReader(file))
    assert 0 <= float(row[next(iter(COLUMNS))]) <= 1


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus(tmp_path: Path, tiny_data: Path) -> None:
    words = [word for word in FAST if not word.startswith("device")]
    words += [f"data={tiny_data}", "epochs=1", "device=0,1", f"project={tmp_path}", "name=run"]
    done = yolo("train", "model=yolo11n-fine.yaml", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run" / "weights" / "best.pt").is_file()
