"""Exported files against PyTorch, on clouds of every kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ffnet3d.export import ExportableNetwork, export_archive, export_onnx
from ffnet3d.models import DefaultSegmentor, FFNet3D, create_model
from ffnet3d.segment.onnx_network import OnnxNetwork
from ffnet3d.segment.recipe import Recipe
from ffnet3d.version import __version__
from ffnet3d.voxels import build_numpy_pyramid

onnx = pytest.importorskip("onnx", reason="needs ffnet3d[export]")
pytest.importorskip("onnxscript", reason="needs ffnet3d[export]")
pytest.importorskip("onnxruntime", reason="needs ffnet3d[export]")

RECIPE = Recipe(0.05, ("color", "normal"), ("wall", "floor", "chair"))
SMALL: dict[str, Any] = {
    "enc_depths": (1, 1),
    "enc_channels": (8, 12),
    "dec_depths": (1,),
    "dec_channels": (8,),
    "stride": (2,),
}
THREE_LEVELS: dict[str, Any] = {
    "enc_depths": (1, 1, 1),
    "enc_channels": (8, 12, 16),
    "dec_depths": (1, 1),
    "dec_channels": (10, 12),
    "stride": (2, 2),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "three levels": THREE_LEVELS,
    "relu, stride 4, wide decoder kernel": {"use_gelu": False, "stride": (4,), "dec_ks": 5, "enc_ks": 3},
    "norms by data set": {"pdnorm_bn": True, "pdnorm_ln": True},
}
CLOUDS = {
    "one voxel": np.array([[5, 5, 5]]),
    "two voxels far apart": np.array([[900, 3, 2], [0, 0, 0]]),
    "two neighbours": np.array([[7, 7, 8], [7, 7, 7]]),
    "islands": np.array([[x + 1000 * i, y, i] for i in (1, 0, 2) for x in range(9) for y in range(9)]),
    "scattered": np.unique(np.random.default_rng(3).integers(0, 30, (900, 3)), axis=0)[::-1],
}


def segmentor(**overrides: Any) -> nn.Module:
    """A small network whose batch norms are no identities."""
    torch.manual_seed(0)
    model = create_model("ffnet3d-tiny", num_classes=3, **{**SMALL, **overrides}).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.get_buffer("running_mean").uniform_(-0.1, 0.1)
            module.get_buffer("running_var").uniform_(0.5, 2)
    return model


def features_of(cells: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).random((len(cells), 6), dtype=np.float32)


def torch_logits(model: nn.Module, cells: np.ndarray, condition: str | None) -> np.ndarray:
    batch = {
        "feat": torch.from_numpy(features_of(cells)),
        "grid_coord": torch.from_numpy(np.ascontiguousarray(cells)),
        "offset": torch.tensor([len(cells)]),
        "condition": condition,
    }
    with torch.inference_mode():
        return model(batch)["seg_logits"].numpy()


def condition_of(variant: str) -> str | None:
    return "S3DIS" if "norms" in variant else None


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def onnx_file(variant, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("onnx") / "model.onnx"
    difference = export_onnx(segmentor(**VARIANTS[variant]), RECIPE, out, condition_of(variant))
    assert 0 <= difference < 1e-5
    assert [path.name for path in out.parent.iterdir()] == ["model.onnx"]
    return out


@pytest.mark.parametrize("cloud", CLOUDS)
def test_onnx_runtime_equals_pytorch(onnx_file, variant, cloud):
    cells = CLOUDS[cloud]
    expected = torch_logits(segmentor(**VARIANTS[variant]), cells, condition_of(variant))
    got = OnnxNetwork(onnx_file, threads=1).logits(features_of(cells), cells)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max() + 1e-7)


def test_only_operators_of_the_standard(onnx_file):
    model = onnx.load(onnx_file)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert len(model.functions) == 0
    known = {"Add", "BatchNormalization", "Cast", "Concat", "Gather", "Gelu", "Gemm", "LayerNormalization"}
    known |= {"MatMul", "Mul", "ReduceMax", "Relu", "Reshape", "Slice"}
    assert {node.op_type for node in model.graph.node} <= known
    assert {node.domain for node in model.graph.node} == {""}


def test_inputs_and_metadata(onnx_file, variant):
    model = onnx.load(onnx_file)
    network = OnnxNetwork(onnx_file)
    tables = build_numpy_pyramid(CLOUDS["islands"], network.strides, network.kernel_sizes).tables()
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert set(shapes) == {"features", "logits", *tables}
    assert shapes["features"] == ["voxels_0", 6]
    assert shapes["logits"] == ["voxels_0", 3]
    assert shapes["neighbors_1_3"] == ["voxels_1", 27]
    assert shapes["parents_0"] == ["voxels_0"]
    assert shapes["children_0"] == ["voxels_1", network.strides[0] ** 3]
    meta = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(meta["recipe"]) == json.loads(json.dumps(RECIPE.as_dict()))
    assert json.loads(meta["strides"]) == list(VARIANTS[variant].get("stride", (2,)))
    assert meta["ffnet3d"] == __version__
    assert meta["condition"] == (condition_of(variant) or "")
    assert (network.recipe, network.strides) == (RECIPE, tuple(json.loads(meta["strides"])))


def test_nothing_of_this_machine_is_in_the_file(onnx_file):
    data = onnx_file.read_bytes()
    assert b".py" not in data
    assert str(Path.cwd()).encode() not in data


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_network_in_plain_operators(variant, cloud):
    model, cells = segmentor(**VARIANTS[variant]), CLOUDS[cloud]
    network = ExportableNetwork(model, condition_of(variant))
    pyramid = build_numpy_pyramid(cells, network.strides, network.kernel_sizes)
    features = np.empty_like(features_of(cells))
    features[pyramid.point_to_voxel] = features_of(cells)
    tables = {name: torch.from_numpy(table) for name, table in pyramid.tables().items()}
    with torch.inference_mode():
        got = network(torch.from_numpy(features), tables)[pyramid.point_to_voxel].numpy()
    expected = torch_logits(model, cells, condition_of(variant))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max() + 1e-7)


def test_an_archive_for_pytorch(tmp_path):
    out = tmp_path / "model.pt2"
    model = segmentor(**THREE_LEVELS)
    assert 0 <= export_archive(model, RECIPE, out) < 1e-5
    extra: Mapping[str, Any] = {"ffnet3d.json": ""}
    network = torch.export.load(str(out), extra_files=extra).module()
    about = json.loads(extra["ffnet3d.json"])
    strides, kernels = json.loads(about["strides"]), json.loads(about["kernel_sizes"])
    assert json.loads(about["recipe"])["classes"] == ["wall", "floor", "chair"]
    for cells in CLOUDS.values():
        pyramid = build_numpy_pyramid(cells, strides, kernels)
        features = np.empty_like(features_of(cells))
        features[pyramid.point_to_voxel] = features_of(cells)
        tables = {name: torch.from_numpy(table) for name, table in pyramid.tables().items()}
        got = network(torch.from_numpy(features), tables).numpy()[pyramid.point_to_voxel]
        np.testing.assert_allclose(got, torch_logits(model, cells, None), rtol=0, atol=1e-6)


def test_a_backbone_whose_output_is_the_logits():
    torch.manual_seed(0)
    model = DefaultSegmentor(FFNet3D(in_channels=6, **{**SMALL, "dec_channels": (3,)})).eval()
    cells = CLOUDS["islands"]
    network = ExportableNetwork(model)
    pyramid = build_numpy_pyramid(cells, network.strides, network.kernel_sizes)
    features = np.empty_like(features_of(cells))
    features[pyramid.point_to_voxel] = features_of(cells)
    tables = {name: torch.from_numpy(table) for name, table in pyramid.tables().items()}
    with torch.inference_mode():
        got = network(torch.from_numpy(features), tables)[pyramid.point_to_voxel].numpy()
    np.testing.assert_allclose(got, torch_logits(model, cells, None), rtol=0, atol=1e-6)


def test_the_segmentor_stays_as_it_is():
    model = segmentor().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ExportableNetwork(model)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("export", [export_onnx, export_archive])
def test_logits_that_differ_leave_no_file(export, tmp_path, monkeypatch):
    monkeypatch.setattr("ffnet3d.export.trial.TOLERANCE", -1.0)
    (tmp_path / "model.onnx").write_text("the former one")
    with pytest.raises(ValueError, match=r"model.onnx: its logits differ .* no file was written"):
        export(segmentor(), RECIPE, tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_text() == "the former one"


@pytest.mark.parametrize(
    ("make", "condition", "message"),
    [
        (nn.Identity, None, "Identity is no segmentor around an FFNet3D"),
        (lambda: FFNet3D(in_channels=6, **SMALL), None, "FFNet3D is no segmentor around"),
        (lambda: segmentor(pdnorm_bn=True), None, r"must be one of ScanNet, S3DIS, Structured3D, not None"),
        (lambda: segmentor(pdnorm_bn=True), "Mars", "one of ScanNet, S3DIS, Structured3D, not Mars"),
        (segmentor, "ScanNet", "condition 'ScanNet': this network has no norms by data set"),
        (
            lambda: segmentor(pdnorm_bn=True, pdnorm_adaptive=True),
            "ScanNet",
            "pdnorm_adaptive.* cannot be exported",
        ),
        (lambda: DefaultSegmentor(FFNet3D(in_channels=6, cls_mode=True)), None, "whole clouds .cls_mode."),
    ],
)
def test_what_is_not_exported(make, condition, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export_onnx(make(), RECIPE, tmp_path / "model.onnx", condition)
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite(tmp_path):
    model = segmentor()
    with torch.no_grad():
        next(model.parameters())[0, 0] = float("nan")
    with pytest.raises(ValueError, match="logits are not finite"):
        export_onnx(model, RECIPE, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_recipe_that_does_not_fit(tmp_path):
    with pytest.raises(ValueError, match="takes 6 numbers a voxel, but the features color are 3"):
        export_onnx(segmentor(), RECIPE.changed(features=("color",)), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="has 3 classes, the recipe names 2"):
        export_onnx(segmentor(), RECIPE.changed(classes=("wall", "floor")), tmp_path / "model.onnx")
