"""Weights as users have them: each kind found and read, and what is missing or broken named."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from small_weights import CLASSES, random_network, save_weights
from tiny_run import write_config

from ffnet3d.engine.checkpoint import save_checkpoint
from ffnet3d.engine.config import dump_config, load_config
from ffnet3d.models import build_model
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.weights import load_torch, open_network

pytest.importorskip("safetensors", reason="safetensors is needed: pip install 'ffnet3d[train]'")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that has trained."""
    config = load_config(write_config(tmp_path))
    folder = tmp_path / "run"
    (folder / "model").mkdir(parents=True)
    dump_config(config, folder / "config.py")
    state = {"epoch": 1, "state_dict": build_model(config.model).state_dict()}
    save_checkpoint(folder / "model" / "model_best.pth", state)
    return folder


def test_a_runs_folder_and_its_checkpoint(run: Path) -> None:
    for weights in (run, run / "model" / "model_best.pth"):
        model, recipe = load_torch(weights)
        assert not model.training
        assert recipe == Recipe(0.2, ("color",), tuple(f"class{number}" for number in range(13)))


def test_shared_weights_know_their_recipe(tmp_path: Path) -> None:
    folder = save_weights(tmp_path / "shared", symmetric_color=True)
    for weights in (folder, folder / "model.safetensors", str(folder)):
        _, recipe = load_torch(weights)
        assert recipe == Recipe(0.1, ("color", "normal"), CLASSES, symmetric_color=True)
    network = open_network(folder, grid_size=0.05)
    assert network.recipe.grid_size == 0.05
    assert network.strides == (2, 2, 2, 2)
    assert network.kernel_sizes == ((3, 5), (3,), (3,), (3,), (3,))
    assert "PyTorch float32 on cpu" in network.description


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"grid_size": None}, r"config\.json does not say its grid_size: give --grid-size"),
        (
            {"classes": ["wall"] * 3, "features": ["color"]},
            "takes 6 numbers a point, but the features color are 3",
        ),
        ({"features": ["color", "height"]}, "the network wants 'height', which is not known"),
    ],
)
def test_recipes_that_do_not_do(tmp_path: Path, meta: dict, message: str) -> None:
    folder = save_weights(tmp_path / "shared")
    config = (folder / "config.json").read_text()
    changed = {key: value for key, value in {**json.loads(config), **meta}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(changed))
    with pytest.raises(ValueError, match=message):
        open_network(folder)


def test_what_is_no_weights_is_named(tmp_path: Path, run: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    lonely = tmp_path / "deep" / "er" / "model.pth"
    lonely.parent.mkdir(parents=True)
    torch.save({}, lonely)
    for weights, message in (
        (tmp_path / "absent", "absent does not exist: give a run's folder"),
        (empty, r"empty has no model/model_best\.pth and no model\.safetensors"),
        (run / "config.py", r"config\.py: weights are a run's folder"),
        (lonely, r"model\.pth: no config\.py of its run in .*deep or beside it"),
    ):
        with pytest.raises(ValueError, match=message):
            open_network(weights)


def test_a_pickle_in_place_of_weights_is_never_executed(tmp_path: Path, run: Path) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'ffnet3d[export]'")
    witness = tmp_path / "executed"
    code = pickle.dumps(_Touch(str(witness)))
    shared = save_weights(tmp_path / "shared")
    for target in (run / "model" / "model_best.pth", shared / "model.safetensors", tmp_path / "model.onnx"):
        target.write_bytes(code)
        with pytest.raises(ValueError, match=target.name):
            open_network(target)
        assert not witness.exists()
    pickle.loads(code)
    assert witness.exists()  # the file would have done it


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return open, (self.path, "w")


def test_runtimes_and_conditions(tmp_path: Path) -> None:
    folder = save_weights(tmp_path / "shared")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(ValueError, match="unknown runtime 'tensorrt'; known: auto, torch, onnx"):
        open_network(folder, runtime="tensorrt")
    with pytest.raises(ValueError, match=r"is no \.onnx file: make one with ffnet3d export"):
        open_network(folder, runtime="onnx")
    with pytest.raises(ValueError, match="PyTorch does not run ONNX files"):
        open_network(tmp_path / "model.onnx", runtime="torch")
    with pytest.raises(ValueError, match=r"model\.onnx: an ONNX file runs in float32 on a CPU"):
        open_network(tmp_path / "model.onnx", dtype="bfloat16")
    with pytest.raises(ValueError, match="this network has no norms by data set"):
        open_network(folder, condition="ScanNet")
    with pytest.raises(ValueError, match="device 'abacus' cannot be used here"):
        open_network(folder, device="abacus")
    with pytest.raises(ValueError, match="unknown dtype 'float16'; known: float32, bfloat16"):
        open_network(folder, dtype="float16")


def test_norms_by_data_set_need_a_condition(tmp_path: Path) -> None:
    from ffnet3d.models import save_pretrained

    meta = {"classes": list(CLASSES), "grid_size": 0.1}
    folder = save_pretrained(random_network(pdnorm_bn=True), tmp_path / "shared", meta)
    with pytest.raises(ValueError, match="give --condition, one of ScanNet, S3DIS, Structured3D"):
        open_network(folder)
    assert open_network(folder, condition="S3DIS").condition == "S3DIS"
