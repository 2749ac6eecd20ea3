"""Shared weights: saved, loaded, and refused with the file's name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ffnet3d
from ffnet3d.models import DefaultSegmentorV2, FFNet3D, create_model, fuse, read_config, save_pretrained

pytest.importorskip("safetensors", reason="safetensors is needed: pip install 'ffnet3d[train]'")

WIDTHS = {"enc_channels": (4, 4, 4, 4, 4), "dec_channels": (4, 4, 4, 4)}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = create_model("ffnet3d-tiny", in_channels=3, num_classes=2, **WIDTHS)
    return save_pretrained(model, tmp_path / "weights", {"classes": ["wall", "floor"], "grid_size": 0.05})


def test_round_trip(saved: Path) -> None:
    torch.manual_seed(0)
    model = create_model("ffnet3d-tiny", in_channels=3, num_classes=2, **WIDTHS).eval()
    scene = {
        "grid_coord": torch.arange(30).reshape(10, 3),
        "feat": torch.randn(10, 3),
        "offset": torch.tensor([10]),
    }
    with torch.no_grad():
        expected = model(scene)["seg_logits"]
        for path in (saved, saved / "model.safetensors", str(saved)):
            loaded = ffnet3d.from_pretrained(path)
            assert not loaded.training
            torch.testing.assert_close(loaded(scene)["seg_logits"], expected, rtol=0, atol=0)


def test_loaded_model_can_train(saved: Path) -> None:
    model = ffnet3d.from_pretrained(saved).train()
    generator = torch.Generator().manual_seed(0)
    batch = {
        "grid_coord": torch.randint(0, 64, (200, 3), generator=generator),
        "feat": torch.randn(200, 3, generator=generator),
        "segment": torch.randint(-1, 2, (200,), generator=generator),
        "offset": torch.tensor([200]),
    }
    model(batch)["loss"].backward()
    assert model.backbone.stem.conv.weight.grad.any()


def test_config_holds_model_and_meta(saved: Path) -> None:
    config = read_config(saved)
    assert config["classes"] == ["wall", "floor"]
    assert config["ffnet3d"] == ffnet3d.__version__
    assert config["model"]["backbone"]["enc_channels"] == [4, 4, 4, 4, 4]
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "model.safetensors"]


def test_missing_and_damaged_files_are_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere does not exist: give a folder"):
        ffnet3d.from_pretrained(tmp_path / "nowhere")
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors is truncated or not a safetensors file"):
        ffnet3d.from_pretrained(saved)
    (saved / "config.json").write_text('{"model": ')
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        ffnet3d.from_pretrained(saved)
    (saved / "config.json").write_text("[]")
    with pytest.raises(ValueError, match=r"config\.json has no 'model'"):
        ffnet3d.from_pretrained(saved)
    (saved / "config.json").unlink()
    with pytest.raises(ValueError, match=r"config\.json does not exist"):
        ffnet3d.from_pretrained(saved)


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    path = saved / "config.json"
    config = json.loads(path.read_text())
    config["model"]["num_classes"] = 7
    path.write_text(json.dumps(config))
    with pytest.raises(
        ValueError, match=r"2 tensors differ, first seg_head\.bias: \(2,\) where the model has \(7,\)"
    ):
        ffnet3d.from_pretrained(saved)


def test_model_without_config_is_refused(tmp_path: Path) -> None:
    network = FFNet3D(in_channels=3, enc_depths=(1,) * 5, dec_depths=(1,) * 4, **WIDTHS)
    with pytest.raises(ValueError, match="DefaultSegmentorV2 does not know its config"):
        save_pretrained(DefaultSegmentorV2(2, 4, network), tmp_path)
    with pytest.raises(ValueError, match="FFNet3D does not know its config"):
        save_pretrained(network, tmp_path)


def test_import_needs_torch_and_numpy_only() -> None:
    code = """
import sys
optional = "scipy safetensors addict lightning lightning_fabric tensorboard tqdm typer rich matplotlib"
sys.modules.update(dict.fromkeys(optional.split()))
import ffnet3d
assert "ffnet3d.models" not in sys.modules
model = ffnet3d.create_model("ffnet3d-tiny", enc_channels=(4,) * 5, dec_channels=(4,) * 4)
assert model.seg_head.out_features == 20
try:
    ffnet3d.nothing
except AttributeError as error:
    assert "nothing" in str(error)
try:
    from ffnet3d.models import save_pretrained
    save_pretrained(model, "unused")
except ImportError as error:
    assert "pip install 'ffnet3d[train]'" in str(error)
else:
    raise SystemExit("no error")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_fused_model_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a fused model cannot be built from its config again"):
        save_pretrained(fuse(create_model("ffnet3d-tiny")), tmp_path)
    assert not list(tmp_path.iterdir())
