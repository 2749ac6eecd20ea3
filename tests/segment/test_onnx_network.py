"""ONNX files: what is ours is run, what is not is refused by name."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ffnet3d.models import create_model
from ffnet3d.segment.onnx_network import OnnxNetwork
from ffnet3d.segment.recipe import Recipe
from ffnet3d.voxels import voxelize

onnx = pytest.importorskip("onnx", reason="needs ffnet3d[export]")
pytest.importorskip("onnxscript", reason="needs ffnet3d[export]")
pytest.importorskip("onnxruntime", reason="needs ffnet3d[export]")

RECIPE = Recipe(0.05, ("color", "normal"), ("wall", "floor", "chair"))
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it raises ImportError
import numpy as np
from ffnet3d.segment.network import VoxelNetwork
from ffnet3d.segment.onnx_network import OnnxNetwork
from ffnet3d import Segmenter
network: VoxelNetwork = OnnxNetwork(sys.argv[1], threads=1)
cells = np.load(sys.argv[2])
np.save(sys.argv[3], network.logits(np.ones((len(cells), 6), dtype=np.float32), cells))
rng = np.random.default_rng(0)
coord, color = rng.random((300, 3)) * (1, 1, 0.1), rng.integers(0, 256, (300, 3))
label, probability = Segmenter(sys.argv[1]).predict(coord, color)
assert label.shape == (300,)
assert probability.shape == (300, 3)
"""


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    from ffnet3d.export import export_onnx

    torch.manual_seed(0)
    small = {"enc_depths": (1, 1), "enc_channels": (8, 12), "dec_depths": (1,), "dec_channels": (8,)}
    model = create_model("ffnet3d-tiny", num_classes=3, **small, stride=(2,))
    out = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(model, RECIPE, out)
    return out


def some_cells() -> np.ndarray:
    coord = np.random.default_rng(0).random((400, 3)) * (1, 1, 0.1)
    return np.random.default_rng(1).permutation(voxelize(coord, 0.05).grid_coord)


def test_what_it_says_of_itself(model_file):
    network = OnnxNetwork(model_file)
    assert network.recipe == RECIPE
    assert network.strides == (2,)
    assert network.reach == ((3, 3), (3,))
    assert network.kernel_sizes == ((3, 5), (3,))
    assert network.description.startswith("FFNet3D, 0.0 M parameters, ONNX Runtime 1.")


def test_the_order_of_voxels_does_not_matter(model_file):
    network, cells = OnnxNetwork(model_file), some_cells()
    features = np.random.default_rng(2).random((len(cells), 6), dtype=np.float32)
    order = np.random.default_rng(3).permutation(len(cells))
    logits = network.logits(features, cells)
    assert np.array_equal(network.logits(features[order], cells[order]), logits[order])


def test_without_torch(model_file, tmp_path):
    np.save(tmp_path / "cells.npy", some_cells())
    arguments = [str(model_file), str(tmp_path / "cells.npy"), str(tmp_path / "logits.npy")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    cells = some_cells()
    expected = OnnxNetwork(model_file).logits(np.ones((len(cells), 6), dtype=np.float32), cells)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), expected, atol=1e-6)


def test_threads(model_file, monkeypatch):
    def threads(**arguments) -> int:
        return OnnxNetwork(model_file, **arguments).session.get_session_options().intra_op_num_threads

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads() == 3
    assert threads(threads=2) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert threads() == len(os.sched_getaffinity(0))
    with pytest.raises(ValueError, match="threads must be 1 or more, got 0"):
        OnnxNetwork(model_file, threads=0)


class Trap:
    """A pickle that leaves a trace where it is loaded."""

    def __reduce__(self):
        return (exec, ("open('trapped', 'w').close()",))


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", pickle.dumps(Trap()), os.urandom(4096)],
    ids=["empty", "text", "pickle", "noise"],
)
def test_garbage_is_refused_by_name(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "garbage.onnx"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"garbage.onnx (is damaged|was not exported)"):
        OnnxNetwork(file)
    assert not (tmp_path / "trapped").exists()


def test_a_file_cut_off_is_refused(model_file, tmp_path):
    data = model_file.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"cut.onnx is damaged, or no ONNX file .*export it again"):
        OnnxNetwork(tmp_path / "cut.onnx")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"none.onnx does not exist: make it with ffnet3d export"):
        OnnxNetwork(tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, r"changed.onnx was not exported by ffnet3d \(KeyError: 'recipe'\): make one with"),
        ({"recipe": "{", "strides": "[2]"}, "changed.onnx was not exported by ffnet3d .JSONDecodeError"),
        ({"recipe": '{"grid_size": 0.02}'}, "changed.onnx does not say its classes"),
        (
            {"recipe": '{"grid_size": 0.02, "features": ["color"], "classes": ["a"]}'},
            "changed.onnx takes 6 numbers a voxel, its recipe has color: export it again",
        ),
    ],
)
def test_metadata_that_are_not_ours(model_file, tmp_path, changed, message):
    model = onnx.load(model_file)
    kept = {entry.key: entry.value for entry in model.metadata_props} if changed else {}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {**kept, **changed})
    onnx.save(model, tmp_path / "changed.onnx")
    with pytest.raises(ValueError, match=message):
        OnnxNetwork(tmp_path / "changed.onnx")


def changed_metadata(model_file: Path, out: Path, changed: dict[str, str], dropped: str) -> Path:
    """The same file with other metadata."""
    model = onnx.load(model_file)
    kept = {entry.key: entry.value for entry in model.metadata_props if entry.key != dropped}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {**kept, **changed})
    onnx.save(model, out)
    return out


@pytest.mark.parametrize(
    ("depths", "reach"), [("[[1, 1], [1], 3]", ((3, 3), (3,))), ("[[2, 6], [1], 5]", ((12, 36), (6,)))]
)
def test_files_from_before_mixers_could_be_chosen(model_file, tmp_path, depths, reach):
    old = OnnxNetwork(changed_metadata(model_file, tmp_path / "old.onnx", {"depths": depths}, "reach"))
    assert old.reach == reach
    cells = some_cells()
    features = np.ones((len(cells), 6), dtype=np.float32)
    assert np.array_equal(old.logits(features, cells), OnnxNetwork(model_file).logits(features, cells))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reach": '[[3, "far"], [3]]'}, r"ValueError: a stage cannot look 'far' voxels far"),
        ({"reach": "[[3, 3]]"}, "bad.onnx was not exported by ffnet3d .ValueError"),
        ({"kernel_sizes": '[[3, "cross4"], [3]]'}, "no kernel is written 'cross4'"),
        ({}, "bad.onnx was not exported by ffnet3d .KeyError: 'depths'"),
    ],
)
def test_a_reach_or_a_kernel_that_cannot_be(model_file, tmp_path, changed, message):
    bad = changed_metadata(model_file, tmp_path / "bad.onnx", changed, "reach")
    with pytest.raises(ValueError, match=message):
        OnnxNetwork(bad)


def test_a_row_for_each_voxel(model_file):
    cells = np.array([[1, 2, 3], [1, 2, 3]])
    with pytest.raises(ValueError, match="2 rows of features for 1 distinct voxels"):
        OnnxNetwork(model_file).logits(np.zeros((2, 6), dtype=np.float32), cells)
