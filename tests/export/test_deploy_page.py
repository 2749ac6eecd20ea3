"""docs/deploy.md: its program runs as it stands, without ffnet3d, and agrees with the library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_weights import CLASSES, random_network

from ffnet3d import Segmenter
from ffnet3d.export import export_onnx
from ffnet3d.segment.recipe import Recipe

onnx = pytest.importorskip("onnx", reason="needs ffnet3d[export]")
pytest.importorskip("onnxscript", reason="needs ffnet3d[export]")
pytest.importorskip("onnxruntime", reason="needs ffnet3d[export]")

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
THREE_LEVELS = {
    "enc_depths": (1, 1, 1),
    "enc_channels": (8, 8, 8),
    "dec_depths": (1, 1),
    "dec_channels": (8, 8),
    "stride": (4, 2),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("page") / "model.onnx"
    recipe = Recipe(0.1, ("normal", "color"), CLASSES, symmetric_color=True)
    export_onnx(random_network(6, 3, **THREE_LEVELS), recipe, out)
    return out


def program() -> str:
    text = PAGE.read_text(encoding="utf-8").partition("## In 60 lines of NumPy")[2]
    return text.partition("```python\n")[2].partition("```")[0]


def room(count: int) -> np.ndarray:
    """Points [N, 9] on the sides of a room far from the origin, columns as the page has them."""
    rng = np.random.default_rng(0)
    coord, side = rng.uniform(0, 1, (count, 3)) * [4, 3, 2.5], rng.integers(0, 3, count)
    coord[np.arange(count), side] = 0
    far = coord + np.array([100, -50, 3])
    return np.concatenate((far, rng.integers(0, 256, (count, 3)), np.eye(3)[side]), axis=1)


def test_the_program_is_short_and_needs_no_ffnet3d():
    lines = program().splitlines()
    assert 40 < len(lines) <= 60
    nodes = ast.walk(ast.parse(program()))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"itertools", "json", "numpy", "onnxruntime", "sys"}


@pytest.mark.parametrize("count", [4000, 1])
def test_its_labels_are_those_of_the_library(model, count, tmp_path):
    cloud = room(count)
    np.save(tmp_path / "cloud.npy", cloud)
    (tmp_path / "segment.py").write_text(program())
    words = [sys.executable, "segment.py", str(model), "cloud.npy", "labels.npy"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    labels, _ = Segmenter(model).predict(cloud[:, :3], cloud[:, 3:6], cloud[:, 6:])
    assert np.array_equal(np.load(tmp_path / "labels.npy"), labels)
    assert count == 1 or len(np.unique(labels)) == 3


def test_the_operators_it_names_are_those_of_the_file(model):
    used = {node.op_type for node in onnx.load(model).graph.node}
    sentence = PAGE.read_text(encoding="utf-8").partition("standard domain alone: ")[2].partition(".")[0]
    assert used <= set(sentence.replace("\n", " ").split(", "))
