"""Small whole files of every kind that the project reads, and what reads them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sample_folders import SAMPLES, sample
from stand_in import write_faces

from src.autolabel.labels import Labels, load_labels
from src.boxes import check_boxes, read_boxes
from src.config import ModelConfig, TrainingConfig
from src.datasets.challenge import load_annotations
from src.datasets.folder import Folder
from src.datasets.formats import detect_format, read_faces
from src.datasets.pictures import read_crop, read_square
from src.datasets.prepare import prepare
from src.datasets.prepared import load_prepared
from src.demo.video import is_animated, open_video
from src.export.properties import append_properties, properties, seal
from src.network import checkpoint
from src.network.model import build_model
from src.notebook.parameters import choose_parameters, list_notebooks, notebook_parameters, read_parameters
from src.notebook.study import Trained
from src.predict.__main__ import read_list
from src.predict.exported_files import tflite_metadata
from src.predict.picture_input import read_picture
from src.predict.runtimes import open_model
from src.predict.submission import check_solution, write_solution
from src.synthesis.owned_folder import claim, finished_counts, mark_finished
from src.synthesis.reposing.face_model import load_face_model
from src.synthesis.reposing.sources import read_sources
from src.training.circumstances import compare
from src.training.history import History, Totals
from src.training.runs import load_record, save_record
from src.training.trainer import Trainer
from src.training.world import World

CONFIG = ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)
_MARKER = {"made_by": "a test", "version": 1}


@dataclass(frozen=True)
class Target:
    """A folder of whole files, which of them are damaged, and what reads the folder."""

    make: Callable[[Path], object]
    files: str  # pattern
    read: Callable[[Path], object]
    cases: int = 400  # per turn: about a quarter of a second, so fewer if one takes long


def write_model(folder: Path) -> None:
    content = checkpoint.model_content(build_model(CONFIG), nme=1.0, training=TrainingConfig())
    checkpoint.save(folder / "model.pth.tar", content)


def _trainer() -> Trainer:
    config = TrainingConfig(batch_size=2, epochs=2)
    return Trainer(build_model(CONFIG), config, steps_per_epoch=2, device=torch.device("cpu"), world=World())


def _step(trainer: Trainer) -> None:
    squares = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    trainer.step(squares, torch.rand(2, 68, 2), torch.zeros(2, 3), progress=0.1)


def _write_snapshot(folder: Path) -> None:
    trainer = _trainer()
    _step(trainer)
    content = trainer.state(nme=1.0) | {"history": [], "totals": Totals().state(), "circumstances": {"threads": 1}}
    checkpoint.save(folder / "snapshot.pth.tar", content)


def _resume(folder: Path) -> None:
    content, trainer = checkpoint.load(folder / "snapshot.pth.tar"), _trainer()
    compare(content.get("circumstances", {}), {"threads": 1})
    trainer.restore(content)
    History.restored("", content.get("history"))
    Totals.restored(content.get("totals"))
    _step(trainer)


def write_onnx(folder: Path, *, is_sealed: bool) -> None:
    """A network that finds its points in the mean color."""
    weights = {"weight": np.full((136, 3), 0.5, np.float32), "bias": np.zeros(136, np.float32)}
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["coordinates"], transB=1),
        helper.make_node("Reshape", ["coordinates", "shape"], ["points"]),
    ]
    constants = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    constants.append(numpy_helper.from_array(np.array([-1, 68, 2]), "shape"))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 64, 64])
    points = helper.make_tensor_value_info("points", TensorProto.FLOAT, ["batch", 68, 2])
    graph = helper.make_graph(nodes, "points", [images], [points], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, properties(CONFIG))
    onnx.save(model, folder / "model.onnx")
    if is_sealed:
        seal(folder / "model.onnx")


def _predict(folder: Path) -> None:
    open_model(folder / "model.onnx").predict_unit(np.zeros((1, 64, 64, 3), np.uint8))


def _write_tflite(folder: Path) -> None:
    (folder / "model.tflite").write_bytes(bytes(200))  # only its metadata is read here
    append_properties(folder / "model.tflite", properties(CONFIG))


def _write_solution(folder: Path) -> None:
    write_solution(folder / "solution.txt", ["a.jpg", "b.jpg"], np.full((2, 68, 2), 100.0) + 50 * np.eye(68, 2))


def _write_prepared(folder: Path) -> None:
    write_faces(folder / "faces", 3, size=(40, 40))
    prepare([folder / "faces"], folder, image_size=32)
    shutil.rmtree(folder / "faces")


def _write_picture(folder: Path, ending: str, *, frames: int = 1) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(frames, 48, 40, 3), dtype=np.uint8)
    first, *others = map(Image.fromarray, pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(folder / f"picture.{ending}", **({"exif": exif} if ending not in ("bmp", "gif", "jp2") else {}), **more)


def _read_picture(folder: Path) -> None:
    path = next(folder.iterdir())
    read_square(path, 64)
    read_crop(path, 64, (-3.0, 4.0, 33.0))
    read_picture(path)
    read_picture(path.read_bytes())


def _read_film(folder: Path) -> None:
    path = next(folder.iterdir())
    is_animated(path)
    with open_video(path) as video:
        for frame in video.frames:
            np.asarray(frame.picture)


def _write_boxes(folder: Path) -> None:
    (folder / "boxes.csv").write_text("picture,left,top,right,bottom\na.jpg,10,20,110.5,130\na.jpg,99,20,180,130\n")


def _read_boxes(folder: Path) -> None:
    for boxes in read_boxes(folder / "boxes.csv").values():
        check_boxes(np.array(boxes), 200, 200)


def _write_list(folder: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (folder / name).touch()
    (folder / "list.txt").write_text("a.jpg\nb.jpg\n")


def _write_sources(folder: Path) -> None:
    table = '[[source]]\nfolder = "{}"\nlabels = "learned"\nturns = 3\nshare = 0.3\nturned_share = 0.4\n'
    (folder / "sources.toml").write_text("# what to train on\n" + table.format("one") + table.format("two"))


def _write_parameters(folder: Path) -> None:
    (folder / "parameters.yaml").write_text("epochs: 5\nfaces: 100\nseeds: [0, 1]\ntraining_data: data/train # here\n")


def _read_parameters(folder: Path) -> None:
    shared = read_parameters(folder / "parameters.yaml")
    choose_parameters(list_notebooks()[0], {}, shared)


def _write_face_model(folder: Path) -> None:
    arrays = {
        "neutral": np.zeros((70, 3), np.float32),
        "identity": np.zeros((2, 70, 3), np.float16),
        "expression": np.zeros((2, 70, 3), np.float16),
        "expression_names": np.array(["smile", "frown"]),
        "quads": np.array([[0, 1, 2, 3]], np.int32),
        "landmark68": np.arange(68, dtype=np.int32),
    }
    np.savez(folder / "ict_face_model.npz", **arrays)


def _write_clone(folder: Path) -> None:
    shape = "".join(f"v {i} 0.5 1.25\n" for i in range(70)) + "f 1/1 2/2 3/3 4/4\n"
    for name in ("generic_neutral_mesh", "identity000", "identity001", "smile", "frown"):
        (folder / f"{name}.obj").write_text(shape)
    indices = {"expressions": ["smile", "frown"], "idx_to_landmark_verts": list(range(68))}
    (folder / "vertex_indices.json").write_text(json.dumps(indices))


def _write_record(folder: Path) -> None:
    run = {"nme": 1.5, "best_nme": 1.4, "steps": 10, "seconds": 2.5, "trained_faces": 3}
    save_record(folder / "result.json", run)


def _write_marker(folder: Path) -> None:
    claim(folder, _MARKER)
    mark_finished(folder, _MARKER, {"faces": 3})


def _read_format(folder: Path, name: str) -> None:
    found = Folder(folder / "root")
    read_faces(found, name)
    detect_format(found)


READERS = {
    "annotations": Target(
        lambda folder: write_faces(folder, 3, size=(40, 40)),
        "annot.pkl",
        lambda folder: load_annotations(folder / "annot.pkl"),
    ),
    "model": Target(write_model, "*", lambda folder: checkpoint.load_model(folder / "model.pth.tar"), 15),
    "snapshot": Target(_write_snapshot, "*", _resume, 2),
    "onnx": Target(partial(write_onnx, is_sealed=True), "*", _predict, 200),
    "onnx_without_digest": Target(partial(write_onnx, is_sealed=False), "*", _predict, 200),
    "tflite_metadata": Target(_write_tflite, "*", lambda folder: tflite_metadata(folder / "model.tflite")),
    "solution": Target(_write_solution, "*.txt", lambda folder: check_solution(folder / "solution.txt")),
    "solution_zip": Target(_write_solution, "*.zip", lambda folder: check_solution(folder / "solution.zip")),
    "prepared": Target(_write_prepared, "*[!t]", load_prepared),
    "round_labels": Target(
        lambda folder: Labels(np.ones((2, 68, 2)), np.ones(2), np.ones((2, 2))).save(folder / "labels.npz"),
        "*",
        lambda folder: load_labels(folder / "labels.npz"),
    ),
    "boxes": Target(_write_boxes, "*", _read_boxes),
    "list": Target(_write_list, "list.txt", lambda folder: read_list(folder / "list.txt")),
    "sources": Target(_write_sources, "*", lambda folder: read_sources(folder / "sources.toml")),
    "parameters": Target(_write_parameters, "*", _read_parameters, 100),
    "notebook": Target(
        lambda folder: shutil.copy(list_notebooks()[0], folder / "notebook.ipynb"),
        "*",
        lambda folder: notebook_parameters(folder / "notebook.ipynb"),
        cases=20,
    ),
    "face_model": Target(_write_face_model, "*", load_face_model),
    "face_model_clone": Target(_write_clone, "*", partial(load_face_model, max_identities=2)),
    "record": Target(_write_record, "*", lambda folder: load_record(folder / "result.json", Trained, run=None)),
    "marker": Target(_write_marker, "*", lambda folder: finished_counts([folder], _MARKER)),
    **{
        f"picture_{ending}": Target(partial(_write_picture, ending=ending), "*", _read_picture, 200)
        for ending in ("jpg", "png", "bmp", "webp", "tif", "gif", "jp2", "avif")
    },
    **{
        f"film_{ending}": Target(partial(_write_picture, ending=ending, frames=3), "*", _read_film, 200)
        for ending in ("gif", "webp")
    },
    **{
        f"format_{name}": Target(
            lambda folder, name=name: sample(name, folder / "root"),
            "root/**/*",
            lambda folder, name=name: _read_format(folder, name),
            cases=80,
        )
        for name in SAMPLES
    },
}
