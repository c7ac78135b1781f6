"""The measurements of `make bench`: each function times one thing and returns its rows of the table.

Ours and the baseline are timed in turns, so that other work on the machine slows both equally.
"""

import copy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision.models.shufflenetv2 import InvertedResidual

from src.augmentation import augment
from src.benchmark.baselines import SIDE, AugmentedPictures, mobilenet_v3_large
from src.benchmark.table import Row
from src.config import ModelConfig, TrainingConfig
from src.datasets.challenge import ANNOTATIONS, read_annotations, write_annotations
from src.datasets.loader import TrainingBatches
from src.datasets.picture_files import PICTURE_FORMATS
from src.datasets.pictures import SQUARE_SIZE
from src.datasets.prepare import prepare
from src.datasets.prepared import PreparedFaces
from src.export.onnx_file import export_onnx, onnx_program
from src.network import checkpoint
from src.network.backbones.shufflenet import Stage, Unit
from src.network.model import LandmarkNet, build_model
from src.predict.exported_files import open_onnx
from src.synthesis.renderer.folder import render_faces
from src.training.trainer import Trainer
from src.training.world import World

ROOT = Path(__file__).resolve().parents[2]
_CPU = torch.device("cpu")
_RENDERED = 179  # different faces; each is used several times
_QUALITY = 98  # of the JPEGs: our smooth renders then have the 35 to 40 kB of a photograph of this size


def make_faces(work: Path, count: int) -> Path:
    """A folder of `count` annotated JPEGs of 384 pixels inside `work`; an existing one is kept."""
    rendered, folder = work / "rendered", work / f"faces_{count}"
    if (folder / ANNOTATIONS).is_file():
        return folder
    render_faces(rendered, min(count, _RENDERED), seed=0, image_size=SIDE)
    sources, points_image = read_annotations(rendered)
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{i:06d}.jpg" for i in range(count)]
    for i, name in enumerate(names):
        if i < len(sources):
            Image.open(rendered / sources[i], formats=PICTURE_FORMATS).save(folder / name, quality=_QUALITY)
        else:
            shutil.copyfile(folder / names[i % len(sources)], folder / name)
    write_annotations(folder, names, points_image[np.arange(count) % len(sources)])
    return folder


def augmentation_rows(
    config: ModelConfig,
    faces: PreparedFaces,
    folder: Path,
    *,
    repeats: int,
    baseline_pictures: int = 512,
    batch_size: int = 64,
) -> list[Row]:
    """Loading and augmentation of an epoch, against torchvision v2 on the same pictures, read from their files.

    faces: the annotated `folder`, prepared. The baseline has one worker process for each of our threads.
    """
    names, points_image = read_annotations(folder)
    pictures = AugmentedPictures([folder / name for name in names[:baseline_pictures]], points_image)
    workers = torch.get_num_threads()
    loader = DataLoader(pictures, batch_size=16, shuffle=True, num_workers=workers, persistent_workers=True)
    batches = TrainingBatches(faces, batch_size=batch_size, seed=0, device=_CPU)

    def ours() -> float:
        return len(batches) * batch_size / _seconds(lambda: _load_and_augment(config, batches, len(batches)))

    def baseline() -> float:
        return len(pictures) / _seconds(lambda: sum(1 for _ in loader))

    rates = _in_turns(repeats, ours, baseline)
    return [Row("loading + augmentation; torchvision v2 at 384 px", "pictures/s", *rates, least_ratio=20)]


def training_rows(
    config: ModelConfig, faces: PreparedFaces, *, repeats: int, steps: int = 8, batch_size: int = 64
) -> list[Row]:
    """A training step on the CPU with the defaults of train.py, and the share that loading and augmentation take of it.

    The baseline is the same network with torchvision's own units (`src.network.backbones.shufflenet`).
    """
    batches = TrainingBatches(faces, batch_size=batch_size, seed=0, device=_CPU)
    steps = min(steps, len(batches))

    def training(network: LandmarkNet) -> Callable[[], float]:
        trainer = Trainer(network.train(), TrainingConfig(), steps_per_epoch=len(batches), device=_CPU, world=World())

        def train() -> None:
            for _, batch in zip(range(steps), batches.epoch(0), strict=False):
                trainer.step(*batch, progress=0.5)

        return lambda: 1000 * _seconds(train) / steps

    network = build_model(replace(config, auxiliary=True))
    ours, baseline, loading = _in_turns(
        repeats,
        training(network),
        training(_as_published(network)),
        lambda: 1000 * _seconds(lambda: _load_and_augment(config, batches, steps)) / steps,
    )
    share = [100 * part / whole for part, whole in zip(loading, ours, strict=True)]
    return [
        Row(f"training step of {batch_size} faces; with torchvision's units", "ms", ours, baseline),
        Row("  loading + augmentation, share of it", "%", share, most=15),
    ]


def prediction_rows(model: LandmarkNet, folder: Path, work: Path, *, repeats: int) -> list[Row]:
    """test.py on the CPU as a whole process, against that of `src.benchmark.baselines`."""
    path, count = work / "model.pth.tar", len(read_annotations(folder)[0])
    checkpoint.save(path, checkpoint.model_content(model, nme=float("nan"), training=TrainingConfig()))
    flags = {"model_path": path, "test_dataroot": folder, "out_dir": work, "device": "cpu", "looks": 2}
    ours = ("test.py", *(f"--{name}={value}" for name, value in flags.items()))
    baseline = ("-m", "src.benchmark.baselines", folder, work / "baseline.txt")
    times = _in_turns(
        repeats, lambda: _seconds(lambda: _run(*ours)), lambda: _seconds(lambda: _run(*baseline)), warm_up=False
    )
    return [Row(f"test.py, {count} pictures; MobileNetV3-large at 384 px", "s", *times, least_ratio=5)]


def preparation_rows(folder: Path, work: Path, *, repeats: int) -> list[Row]:
    """`prepare` in this process, and preparation.py as a whole process that prepares the folder twice."""
    out, count = work / "prepared_anew", len(read_annotations(folder)[0])
    command = ("preparation.py", "--train_dirs", folder, "--val_dir", folder, "--out_root", out)

    def inside() -> float:
        shutil.rmtree(out, ignore_errors=True)
        return count / _seconds(lambda: prepare([folder], out, image_size=SQUARE_SIZE))

    def process() -> float:
        shutil.rmtree(out, ignore_errors=True)
        return 2 * count / _seconds(lambda: _run(*command))

    inside_rates, process_rates = _in_turns(repeats, inside, process)
    shutil.rmtree(out)
    return [
        Row("preparation of 384 px JPEGs", "pictures/s", inside_rates, least=600),
        Row("  preparation.py, whole process", "pictures/s", process_rates),
    ]


def onnx_rows(model: LandmarkNet, work: Path, *, repeats: int) -> list[Row]:
    """One picture through ONNX Runtime on one thread: our model against MobileNetV3-large at 384 pixels."""
    ours, baseline = work / "ours.onnx", work / "mobilenet_v3_large.onnx"
    export_onnx(model, ours)
    onnx_program(mobilenet_v3_large(), torch.rand(2, 3, SIDE, SIDE)).save(baseline, external_data=False)
    times = _in_turns(repeats, lambda: onnx_milliseconds(ours), lambda: onnx_milliseconds(baseline), warm_up=False)
    return [Row("one picture, ONNX, one thread; MobileNetV3-large at 384 px", "ms", *times, least_ratio=8)]


def onnx_milliseconds(path: Path, *, threads: int = 1, repeats: int = 200) -> float:
    """Median time in ms for one picture through an ONNX file, after a warm-up."""
    session = open_onnx(path, threads=threads)
    feed = session.get_inputs()[0]
    images = np.random.default_rng(0).random((1, *feed.shape[1:]), np.float32)
    times = [_seconds(lambda: session.run(None, {feed.name: images})) for _ in range(repeats + 10)]
    return 1000 * median(times[10:])


def _as_published(network: LandmarkNet) -> LandmarkNet:
    """A copy with torchvision's own ShuffleNetV2 units, from which ours and their stages differ only in `forward`."""
    copied = copy.deepcopy(network)
    for module in copied.modules():
        if type(module) is Unit:
            module.__class__ = InvertedResidual
        elif type(module) is Stage:
            module.__class__ = nn.Sequential
    return copied


def _load_and_augment(config: ModelConfig, batches: TrainingBatches, count: int) -> None:
    """Load and augment the first `count` batches of an epoch, as training does."""
    ranges = TrainingConfig().augmentation
    generator = torch.Generator().manual_seed(0)
    for _, batch in zip(range(count), batches.epoch(0), strict=False):
        augment(*batch, crop=config.crop, size=config.input_size, config=ranges, generator=generator)


def _in_turns(repeats: int, *measures: Callable[[], float], warm_up: bool = True) -> list[list[float]]:
    """`repeats` values of each measure, taken in turns; with warm_up, a first turn is not counted."""
    turns = [[measure() for measure in measures] for _ in range(repeats + warm_up)][warm_up:]
    return [list(values) for values in zip(*turns, strict=True)]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _run(*arguments: object) -> None:
    """Run `python ARGUMENTS` in the repository's root. If it fails, raises RuntimeError with the end of its errors."""
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
