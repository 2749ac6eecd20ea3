"""Files of the authors' release become ours and go back, by the commands; what cannot is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("safetensors", reason="safetensors is needed: pip install 'ffnet3d[all]'")
pytest.importorskip("typer", reason="typer is needed: pip install 'ffnet3d[all]'")
from models.released.cases import CASES
from models.released.ours import build_ours, evaluate_ours, released_template
from models.released.weights import draw_weights
from torch import Tensor, nn
from typer.testing import CliRunner

import ffnet3d
from ffnet3d import cli
from ffnet3d.engine.checkpoint import load_weights
from ffnet3d.engine.released import COLORS
from ffnet3d.models import create_model, read_config
from ffnet3d.models.release import from_release


def weights(name: str = "small") -> dict[str, Tensor]:
    return draw_weights(released_template(CASES[name]))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint as the released code writes it, of several GPUs, with what else is in there."""
    path = tmp_path / "scannet-ffnet.pth"
    parameter = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.AdamW([parameter])
    parameter.sum().backward()
    optimizer.step()
    wrapped = {f"module.{name}": value for name, value in weights().items()}
    rest = {"optimizer": optimizer.state_dict(), "best_metric_value": np.float64(0.76)}
    torch.save({"epoch": 800, "state_dict": wrapped, **rest}, path)
    return path


def run(*words: Any) -> str:
    result = CliRunner().invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: Any) -> str:
    with pytest.raises(ValueError, match=r"\w") as error:
        run(*words)
    return str(error.value)


def test_import_for_training_and_test(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "imported.pth"
    parameters = sum(value.numel() for value in build_ours(CASES["small"]).parameters())
    assert run("import-release", checkpoint, out).splitlines() == [
        f"Read {checkpoint}: released weights, {parameters:,} parameters, encoder 1,1,2,1, decoder 1,1,1, "
        "13 classes",
        f"Wrote {out}: weights of FFNet3D, for -w {out} of train and test",
        COLORS,
    ]
    assert torch.load(out, weights_only=True)["epoch"] == 800
    model = build_ours(CASES["small"]).to_empty(device="cpu")
    load_weights(model, out)
    expected = from_release(weights())
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "activation"), [("small", "gelu"), ("relu", "relu"), ("kernels-1-3", "gelu")]
)
def test_import_to_share(name: str, activation: str, tmp_path: Path) -> None:
    torch.save(weights(name), tmp_path / "bare.pth")
    folder = tmp_path / "shared"
    out = run("import-release", tmp_path / "bare.pth", folder, "--activation", activation)
    wrote = f"Wrote {folder}: weights of FFNet3D, for ffnet3d.from_pretrained({str(folder)!r})"
    assert out.endswith(f"{wrote}\n{COLORS}\n")
    model, same = ffnet3d.from_pretrained(folder), build_ours(CASES[name])
    same.load_state_dict(from_release(weights(name)), assign=True)
    results = [evaluate_ours(each, CASES[name], 500).logits for each in (model, same)]
    torch.testing.assert_close(*results, rtol=0, atol=0)
    assert len(model.criteria.losses) == 2
    config = read_config(folder)
    assert (config["grid_size"], config["symmetric_color"]) == (0.02, True)
    assert config["classes"][:2] == ["ceiling", "floor"]


def test_a_bare_backbone_stays_one(tmp_path: Path) -> None:
    torch.save(weights("encoder"), tmp_path / "bare.pth")
    output = run("import-release", tmp_path / "bare.pth", tmp_path / "shared", "--activation", "gelu")
    assert "encoder 1,1,2,1, decoder none, no head\n" in output
    assert isinstance(ffnet3d.from_pretrained(tmp_path / "shared"), ffnet3d.FFNet3D)
    headless = {key: value for key, value in weights().items() if not key.startswith("seg_head")}
    torch.save(headless, tmp_path / "headless.pth")
    run("import-release", tmp_path / "headless.pth", tmp_path / "features", "--activation", "gelu")
    assert read_config(tmp_path / "features")["model"]["num_classes"] == 0


def test_norms_by_data_set_need_their_names(tmp_path: Path) -> None:
    torch.save(weights("pdnorm-bn"), tmp_path / "bare.pth")
    words = ("import-release", tmp_path / "bare.pth", tmp_path / "shared", "--activation", "gelu")
    assert "norms for 3 data sets: give --conditions with 3 names" in refused(*words)
    run(*words, "--conditions", "S3DIS, ScanNet,Structured3D")
    model = ffnet3d.from_pretrained(tmp_path / "shared")
    assert model.backbone.config.pdnorm_conditions == ("S3DIS", "ScanNet", "Structured3D")


def test_export_goes_back(checkpoint: Path, tmp_path: Path) -> None:
    run("import-release", checkpoint, tmp_path / "imported.pth")
    run("import-release", checkpoint, tmp_path / "shared", "--activation", "gelu")
    sources = {"imported.pth": 800, "shared": 0, "shared/model.safetensors": 0}
    for source, epoch in sources.items():
        out = tmp_path / "exported.pth"
        output = run("export-release", tmp_path / source, out)
        assert output.endswith(f"Wrote {out}: released names and layout, epoch {epoch}\n")
        exported = torch.load(out, weights_only=True)
        assert exported["epoch"] == epoch
        assert {name: value.tolist() for name, value in exported["state_dict"].items()} == {
            name: value.tolist() for name, value in weights().items()
        }


def test_halves_become_float32(tmp_path: Path) -> None:
    halves = {name: value.half() if value.is_floating_point() else value for name, value in weights().items()}
    torch.save(halves, tmp_path / "half.pth")
    run("import-release", tmp_path / "half.pth", tmp_path / "out.pth")
    imported = torch.load(tmp_path / "out.pth", weights_only=True)["state_dict"]
    assert {value.dtype for value in imported.values()} == {torch.float32, torch.int64}


def test_the_activation_is_not_guessed(checkpoint: Path, tmp_path: Path) -> None:
    words = ("import-release", checkpoint, tmp_path / "shared")
    text = "weights do not tell the activation: give --activation gelu or relu"
    assert refused(*words) == f"{text} (relu in the released S3DIS recipe)"
    assert "--activation silu is none: give" in refused(*words, "--activation", "silu")
    text = refused("import-release", checkpoint, tmp_path / "a.pth", "--activation", "gelu")
    assert "a checkpoint has no place for --activation" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == [checkpoint.name]


def test_files_at_fault_are_named(checkpoint: Path, tmp_path: Path) -> None:
    ours, out = tmp_path / "ours.pth", tmp_path / "out.pth"
    run("import-release", checkpoint, ours)
    assert "ours.pth holds no weights of the authors' release" in refused("import-release", ours, out)
    assert "holds weights of the authors' release already" in refused("export-release", checkpoint, out)
    assert "is what is read" in refused("export-release", ours, ours)
    assert "let the name end in .pth" in refused("export-release", ours, tmp_path / "out")
    assert "has no model.safetensors: name the file" in refused("export-release", tmp_path, out)
    torch.save({"epoch": 3, "state_dict": {"a": 1}}, ours)
    assert "ours.pth holds neither a checkpoint" in refused("import-release", ours, out)
    partial = {name: value for name, value in weights().items() if "block1" not in name or "bias" in name}
    torch.save(partial, ours)
    assert refused("import-release", ours, out).startswith(
        f"{ours}: enc.enc2.block1.norm1.0.weight is missing"
    )
    assert not out.exists()


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    class Malice:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "executed",)

    torch.save({"state_dict": weights(), "extra": Malice()}, tmp_path / "bad.pth")
    text = refused("import-release", tmp_path / "bad.pth", tmp_path / "out.pth")
    assert "holds more than tensors and plain values" in text
    assert not (tmp_path / "executed").exists()


def test_training_from_released_weights_says_to_import_them(checkpoint: Path, tmp_path: Path) -> None:
    torch.save(weights(), tmp_path / "bare.pth")
    for path in (checkpoint, tmp_path / "bare.pth"):
        with pytest.raises(
            ValueError, match=rf"{path} holds weights of the .* run `ffnet3d import-release {path} "
        ):
            load_weights(create_model("ffnet3d-tiny"), path)
