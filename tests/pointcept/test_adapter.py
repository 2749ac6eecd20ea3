"""The adapter's contract with Pointcept, on a stand-in for it; with a checkout: test_adapter_live.py."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import ffnet3d
from ffnet3d.data.registry import TRANSFORMS
from ffnet3d.models import FFNet3D
from ffnet3d.models.release import to_release

BACKBONE: dict[str, Any] = {
    "in_channels": 4,
    "stride": (2, 2),
    "enc_depths": (1, 1, 1),
    "enc_channels": (6, 8, 10),
    "dec_depths": (1, 1),
    "dec_channels": (7, 9),
}
PROJECT = Path(ffnet3d.__file__).parents[1]
JOINED = 6 + 8 + 10  # widths of the encoder's levels


def sample(**more: Any) -> dict[str, Any]:
    """Two scenes of 60 and 40 points, some of them in one voxel."""
    generator = torch.Generator().manual_seed(1)
    coord = torch.rand(100, 3, generator=generator)
    return {
        "coord": coord,
        "grid_coord": torch.floor(coord * 12).int(),
        "feat": torch.randn(100, 4, generator=generator),
        "offset": torch.tensor([60, 100]),
        **more,
    }


@pytest.fixture
def pointcept(standin: Path) -> ModuleType:  # noqa: ARG001
    """The stand-in with the adapter registered."""
    importlib.import_module("ffnet3d.pointcept")
    return importlib.import_module("pointcept.models")


def build(pointcept: ModuleType, type: str, **arguments: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    model: torch.nn.Module = pointcept.build_model({"type": type, **arguments})
    return model.eval()


def point_class() -> Any:
    return importlib.import_module("pointcept.models.utils.structure").Point


@pytest.mark.parametrize("name", ["FFNet3D", "ffnet"])
def test_a_point_gives_a_point_and_a_dict_gives_features(pointcept: ModuleType, name: str) -> None:
    backbone = build(pointcept, name, **BACKBONE)
    point_type = point_class()
    given = point_type(sample())
    with torch.no_grad():
        point, features = backbone(given), backbone(sample())
    assert isinstance(point, point_type)
    assert given.feat.shape == (100, 4)  # the caller's stays
    assert torch.equal(point.feat, features)
    assert features.shape == (100, 7)
    assert torch.equal(point.coord, sample()["coord"])


def test_mixers_and_kernels_by_stage_are_those_of_the_standalone_network(pointcept: ModuleType) -> None:
    arguments = {
        **BACKBONE,
        "mixers": ["ffnified", "ffnified_depthwise", "window_attention"],
        "channel_mixers": ["convnext", "convnext_depthwise", "mlp"],
        "enc_ks": [3, "cross5", 3],
        "branches": ["small"],
    }
    ours, theirs = FFNet3D(**arguments).eval(), build(pointcept, "FFNet3D", **arguments)
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        assert torch.equal(theirs(point_class()(sample())).feat, ours(sample()))


def test_it_is_the_standalone_network(pointcept: ModuleType) -> None:
    ours = FFNet3D(**BACKBONE).eval()
    theirs = build(pointcept, "FFNet3D", **BACKBONE)
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        assert torch.equal(theirs(sample()), ours(sample()))


def test_the_grid_is_made_of_coordinates_where_it_is_missing(pointcept: ModuleType) -> None:
    backbone = build(pointcept, "FFNet3D", **BACKBONE)
    batch = sample(grid_size=0.1)
    grid = torch.div(batch["coord"] - batch["coord"].amin(0), 0.1, rounding_mode="trunc").int()
    del batch["grid_coord"]
    with torch.no_grad():
        assert torch.equal(backbone(batch), backbone({**batch, "grid_coord": grid}))


def test_segmentors_take_it(pointcept: ModuleType) -> None:
    logits = build(pointcept, "DefaultSegmentor", backbone={"type": "FFNet3D", **BACKBONE})(sample())
    assert logits.shape == (100, 7)
    arguments = {"num_classes": 5, "backbone_out_channels": 7}
    model = build(pointcept, "DefaultSegmentorV2", backbone={"type": "FFNet3D", **BACKBONE}, **arguments)
    assert model(sample()).shape == (100, 5)


def test_an_encoder_is_chained_back_to_the_points(pointcept: ModuleType) -> None:
    encoder = build(pointcept, "FFNet3D", **BACKBONE, cls_mode=True)
    with torch.no_grad():
        point = encoder(point_class()(sample(condition=["ScanNet"] * 2)))
    levels = encoder.encode(sample())
    assert torch.equal(point.feat, levels.features[-1])
    assert point.offset.tolist() == torch.bincount(levels.pyramid.levels[-1].batch).cumsum(0).tolist()
    assert point.condition == ["ScanNet", "ScanNet"]
    finest = point.pooling_parent.pooling_parent
    to_middle, to_coarsest = point.pooling_parent.pooling_inverse, point.pooling_inverse
    assert torch.equal(finest.coord, sample()["coord"])
    assert torch.equal(point.grid_coord[to_coarsest[to_middle]], sample()["grid_coord"] >> 2)
    cell = to_middle == to_middle[0]
    assert torch.allclose(point.pooling_parent.coord[to_middle[0]], finest.coord[cell].mean(0))
    model = build(
        pointcept,
        "DefaultSegmentorV2",
        backbone={"type": "ffnet", **BACKBONE, "cls_mode": True},
        num_classes=5,
        backbone_out_channels=JOINED,
    )
    assert model(sample()).shape == (100, 5)


def test_the_classifier_takes_an_encoder(pointcept: ModuleType) -> None:
    backbone = {"type": "FFNet3D", **BACKBONE, "cls_mode": True}
    model = build(pointcept, "DefaultClassifier", backbone=backbone, num_classes=5, backbone_embed_dim=10)
    with torch.no_grad():
        pooled = model.backbone(sample())  # as Pointcept 1.5 calls it
        assert torch.allclose(model(sample()), model.head(pooled), atol=1e-5)


def test_prompt_training_takes_it(pointcept: ModuleType) -> None:
    prompts = {"pdnorm_bn": True, "pdnorm_ln": True, "pdnorm_adaptive": True}
    model = build(pointcept, "PPT-v1m1", backbone={"type": "FFNet3D", **BACKBONE, **prompts})
    with torch.no_grad():
        first = model(sample(condition=["ScanNet", "ScanNet"]))
        second = model(sample(condition=["S3DIS", "S3DIS"]))
    assert first.shape == (100, 7)
    assert not torch.allclose(first, second)


def test_a_wrong_argument_is_named(pointcept: ModuleType) -> None:
    with pytest.raises(ValueError, match="FFNet3D has no argument 'enc_kernel'"):
        build(pointcept, "FFNet3D", **BACKBONE, enc_kernel=3)


def test_released_weights_are_taken_as_they_are(pointcept: ModuleType) -> None:
    head = {"num_classes": 5, "backbone_out_channels": 7, "backbone": {"type": "ffnet", **BACKBONE}}
    expected, model = (build(pointcept, "DefaultSegmentorV2", **head) for _ in range(2))
    for parameter in expected.parameters():
        torch.nn.init.normal_(parameter)
    released = to_release(expected.state_dict())
    assert "backbone.enc.enc1.block0.token_mixer.1.weight" in released
    result = model.load_state_dict(released, strict=False)  # as Pointcept's CheckpointLoader
    assert result == ([], [])
    with torch.no_grad():
        assert torch.equal(model(sample()), expected(sample()))


def test_released_weights_of_another_function_are_refused(pointcept: ModuleType) -> None:
    model = build(pointcept, "ffnet", **BACKBONE, pdnorm_ln=True)
    with pytest.raises(ValueError, match="layer norms by data set"):
        model.load_state_dict({"embedding.stem.conv.weight": torch.zeros(6, 5, 5, 5, 4)}, strict=False)


@pytest.mark.usefixtures("pointcept")
def test_colours_for_released_weights() -> None:
    transforms = importlib.import_module("pointcept.datasets.transform").TRANSFORMS
    colors = {"color": np.float32([[0, 255, 51]])}
    plain = transforms.build({"type": "NormalizeColor"})(dict(colors))
    assert plain["color"].tolist() == np.float32([[0, 1, 0.2]]).tolist()
    symmetric = {"type": "NormalizeColor", "symmetric": True}
    theirs = transforms.build(symmetric)(dict(colors))["color"]
    assert theirs.tolist() == TRANSFORMS.build(symmetric)(colors, np.random.default_rng())["color"].tolist()
    assert theirs.tolist() == np.float32([[-1, 1, 51 / 127.5 - 1]]).tolist()


def test_the_authors_own_ffnet_stays(standin: Path) -> None:  # noqa: ARG001
    models = importlib.import_module("pointcept.models.builder").MODELS
    theirs = models.register_module("ffnet")(type("FFNet", (), {}))
    adapter = importlib.import_module("ffnet3d.pointcept")
    assert models.get("ffnet") is theirs
    assert models.get("FFNet3D") is adapter.FFNet3D


def test_models_that_lack_a_part_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standin: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As with a checkout whose other networks need what is not installed."""
    copy = tmp_path / "pointcept"
    for file in (standin / "pointcept").rglob("*.py"):
        target = copy / file.relative_to(standin / "pointcept")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.read_text())
    (copy / "models" / "voxel_wizard.py").write_text("import voxel_wizard_cuda\n")
    with (copy / "models" / "__init__.py").open("a") as file:
        file.write("from .voxel_wizard import *\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("ffnet3d.pointcept")
    models = importlib.import_module("pointcept.models")
    assert models.builder.MODELS.get("FFNet3D") is models.builder.MODELS.get("ffnet")
    assert models.build_model({"type": "FFNet3D", **BACKBONE})
    assert "Pointcept's voxel_wizard is left out: No module named 'voxel_wizard_cuda'" in caplog.text


def test_without_pointcept_the_error_says_what_to_do() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['pointcept'] = None; import ffnet3d.pointcept"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "Pointcept cannot be imported" in run.stderr
    assert "put its checkout on the path (PYTHONPATH)" in run.stderr


def test_spawned_processes_know_the_network(tmp_path: Path, standin: Path) -> None:
    """As tools/train.py starts them: its own module registers nothing."""
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from pathlib import Path

            from pointcept.engines.launch import launch
            from pointcept.models.builder import MODELS


            def main_worker(file):
                Path(file).write_text(MODELS.get("FFNet3D").__module__)


            if __name__ == "__main__":
                import ffnet3d.pointcept  # what the config's custom_imports do

                launch(main_worker, 2, cfg=(sys.argv[1] + "/rank",))
            """
        )
    )
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": os.pathsep.join([str(standin), str(PROJECT)]), "PATH": ""},
    )
    assert run.returncode == 0, run.stderr
    assert [(tmp_path / f"rank{rank}").read_text() for rank in range(2)] == ["ffnet3d.pointcept.backbone"] * 2
