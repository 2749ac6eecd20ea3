"""`ffnet3d export`: weights of every kind in, files for other programs out."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
pytest.importorskip("safetensors", reason="pip install 'ffnet3d[train]'")
pytest.importorskip("onnxscript", reason="pip install 'ffnet3d[export]'")
pytest.importorskip("onnxruntime", reason="pip install 'ffnet3d[export]'")
from small_weights import random_network
from typer.testing import CliRunner, Result

from ffnet3d import cli, save_pretrained
from ffnet3d.segment.onnx_network import OnnxNetwork

TWO_LEVELS = {
    "enc_depths": (1, 1),
    "enc_channels": (8, 8),
    "dec_depths": (1,),
    "dec_channels": (8,),
    "stride": (2,),
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights that know nothing of a recipe."""
    return save_pretrained(random_network(3, 2, **TWO_LEVELS), tmp_path / "weights")


def export(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["export", *map(str, words)], catch_exceptions=False)


def test_onnx_with_a_recipe_given_in_words(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.onnx"
    words = ("--grid-size", "0.05", "--features", "color", "--classes", "wall, floor")
    result = export(weights / "model.safetensors", out, *words)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"{out}: 0.")
    assert "differ from PyTorch's by" in result.output
    recipe = OnnxNetwork(out).recipe
    assert (recipe.grid_size, recipe.features, recipe.classes) == (0.05, ("color",), ("wall", "floor"))


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("model.bin", (), r"model.bin: end the name in .onnx \(ONNX\) or .pt2"),
        ("model.onnx", (), r"config.json does not say its grid_size.*: give --grid-size METRES"),
        ("model.onnx", ("--grid-size", "1"), "config.json does not say its classes: give --classes"),
        ("model.pt2", ("--grid-size", "1", "--classes", "a,b"), r"takes 3 numbers .*--features color"),
        (
            "model.pt2",
            ("--grid-size", "1", "--classes", "a,b", "--features", "color", "--condition", "S3DIS"),
            "condition 'S3DIS': this network has no norms by data set",
        ),
    ],
)
def test_mistakes_leave_no_file(
    weights: Path, tmp_path: Path, name: str, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        export(weights, tmp_path / name, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_help_shows_examples() -> None:
    assert "ffnet3d export exp/scannet/first model.onnx" in export("-h").output
