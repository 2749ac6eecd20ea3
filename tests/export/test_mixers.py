"""Every mixer and kernel in plain operators, against PyTorch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_weights import CLASSES, random_network
from torch import Tensor, nn

from ffnet3d.export import ExportableNetwork, export_archive, export_onnx
from ffnet3d.models import MIXERS, PRESETS, MetaMixer
from ffnet3d.models.mixers import WindowAttention
from ffnet3d.segment.onnx_network import OnnxNetwork
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.torch_network import TorchNetwork
from ffnet3d.voxels import build_numpy_pyramid

RECIPE = Recipe(0.1, ("color", "normal"), CLASSES)
SMALL: dict[str, Any] = {
    "enc_depths": (1, 2),
    "enc_channels": (8, 64),
    "dec_depths": (1,),
    "dec_channels": (8,),
    "stride": (2,),
    "window": 16,
}
ONE_OF_EACH: dict[str, Any] = {
    "enc_depths": (1, 2, 1),
    "enc_channels": (8, 64, 8),
    "dec_depths": (1, 1),
    "dec_channels": (8, 8),
    "stride": (2, 2),
    "window": 16,
    "enc_ks": (3, 3, 5),
    "dec_ks": (3, "cross5"),
    "mixers": ("ffnified_depthwise", "window_attention", "pooling"),
    "channel_mixers": ("mlp", "convnext_depthwise", "identity"),
    "activation": "softmax",
    "layer_scale": 0.5,
}
DEPTHS = {"enc_depths": (1, 1, 1, 1, 1), "dec_depths": (1, 1, 1, 1)}
VARIANTS: dict[str, dict[str, Any]] = {
    "softmax": {"activation": "softmax"},
    "norms in the mixers": {"norms": "batch", "channel_mixers": "identity"},
    "norms before the mixers": {"norms": "layer"},
    "layer scale": {"layer_scale": 0.5},
    "branches": {"branches": ("small", "strips", "identity"), "mixers": "ffnified_depthwise"},
    "kernels by stage": {"enc_ks": (7, "cross5"), "dec_ks": ("5x1x3",)},
    "large depthwise kernels": {"enc_ks": (3, 7), "mixers": "ffnified_depthwise"},
    "one of each": ONE_OF_EACH,
}
SIZES = (1, 8, 9, 16, 25, 300)  # on both sides of whole windows, shifted or not
FEW_SIZES = (1, 9, 300)  # where there are no windows


def cells_of(count: int) -> np.ndarray:
    """Distinct voxels in a small box, in no order."""
    return np.stack(np.unravel_index(np.random.default_rng(count).permutation(12**3)[:count], (12,) * 3), 1)


def features_of(cells: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).random((len(cells), 6), dtype=np.float32)


def in_plain_operators(network: ExportableNetwork, cells: np.ndarray) -> np.ndarray:
    """Logits [V, classes] of an exportable network, in the order of the cells."""
    pyramid = build_numpy_pyramid(cells, network.strides, network.kernel_sizes)
    features = np.empty_like(features_of(cells))
    features[pyramid.point_to_voxel] = features_of(cells)
    tables = {name: torch.from_numpy(table) for name, table in pyramid.tables().items()}
    with torch.inference_mode():
        return network(torch.from_numpy(features), tables)[pyramid.point_to_voxel].numpy()


def assert_equal(got: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def check_in_plain_operators(model: nn.Module) -> None:
    network, reference = ExportableNetwork(model), TorchNetwork(model, RECIPE, "cpu")
    windows = any(isinstance(module, WindowAttention) for module in model.modules())
    for size in SIZES if windows else FEW_SIZES:
        cells = cells_of(size)
        expected = reference.logits(features_of(cells), cells)
        assert size == 1 or np.ptp(expected, axis=0).max() > 1e-3
        assert_equal(in_plain_operators(network, cells), expected)


@pytest.mark.parametrize("role", ["mixers", "channel_mixers"])
@pytest.mark.parametrize("mixer", MIXERS.names())
def test_every_mixer(mixer, role):
    check_in_plain_operators(random_network(**{**SMALL, role: mixer}))


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_else_blocks_have(variant):
    check_in_plain_operators(random_network(**{**SMALL, **VARIANTS[variant]}))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset(preset):
    narrow = {"enc_channels": (8, 8, 8, 8, 64), "dec_channels": (8, 8, 8, 8), "window": 16}
    loud = {"layer_scale": 0.5} if preset == "ffnet3d-dw" else {}
    check_in_plain_operators(random_network(**{**PRESETS[preset], **DEPTHS, **narrow, **loud}))


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory) -> Path:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs ffnet3d[export]")
    out = tmp_path_factory.mktemp("onnx") / "model.onnx"
    assert export_onnx(random_network(**ONE_OF_EACH), RECIPE, out) > 0
    return out


@pytest.mark.parametrize("size", SIZES)
def test_onnx_runtime_equals_pytorch(onnx_file, size):
    cells = cells_of(size)
    expected = TorchNetwork(random_network(**ONE_OF_EACH), RECIPE, "cpu").logits(features_of(cells), cells)
    assert_equal(OnnxNetwork(onnx_file, threads=1).logits(features_of(cells), cells), expected)


def test_what_the_file_says_of_kernels_and_reach(onnx_file):
    network = OnnxNetwork(onnx_file)
    assert network.kernel_sizes == ((3, 5), (3, "cross5"), (5,))
    assert network.reach == ((2, None, 2), (2, None))
    assert network.reach == TorchNetwork(random_network(**ONE_OF_EACH), RECIPE, "cpu").reach
    rows = {argument.name: argument.shape for argument in network.session.get_inputs()}
    assert rows["neighbors_2_5"] == ["voxels_2", 125]
    assert rows["neighbors_1_cross5"] == ["voxels_1", 13]


def test_only_operators_of_the_standard(onnx_file):
    import onnx

    model = onnx.load(onnx_file)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
    named = page.partition("standard domain alone: ")[2].partition(".")[0]
    named += ", " + page.partition("Mixers bring in more: ")[2].partition(".")[0]
    assert {node.op_type for node in model.graph.node} <= set(named.replace("\n", " ").split(", "))


def test_the_gathered_have_room_that_grows_as_voxels_get_few(onnx_file):
    gathered = list(gathered_numbers(onnx_file))
    assert {level for level, _ in gathered} == {0, 1, 2}
    assert all(numbers <= 432 * 4**level for level, numbers in gathered)
    stem = [numbers for level, numbers in gathered if level == 0 and numbers % 8]
    assert sorted(stem) == [62 * 6, 63 * 6]  # the kernel 5 of 6 channels in two groups, about even
    assert (2, 125 * 8) in gathered  # and of 8 channels, where voxels are few, in one


def gathered_numbers(onnx_file: Path) -> Iterator[tuple[int, int]]:
    """Level of each gather by a group of offsets, and how many numbers a voxel it brings side by side."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(onnx_file)).graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in graph.value_info}
    for node in graph.node:
        dims = shapes.get(node.output[0], ()) if node.op_type == "Gather" else ()
        if len(dims) == 3 and dims[0].dim_param.startswith("voxels"):
            yield int(dims[0].dim_param.split("_")[1]), prod(dim.dim_value for dim in dims[1:])


def test_an_archive_for_pytorch(tmp_path):
    out = tmp_path / "model.pt2"
    mixers = {"mixers": ("pooling", "window_attention"), "channel_mixers": ("mlp", "convnext_depthwise")}
    shape = {"enc_depths": (1, 1), "enc_channels": (8, 8), "dec_depths": (1,), "enc_ks": ("cross5", 3)}
    model = random_network(**{**SMALL, **mixers, **shape})
    assert export_archive(model, RECIPE, out) > 0
    extra = {"ffnet3d.json": ""}
    network = torch.export.load(str(out), extra_files=extra).module()
    about = json.loads(extra["ffnet3d.json"])
    network.strides, network.kernel_sizes = json.loads(about["strides"]), json.loads(about["kernel_sizes"])
    for size in SIZES:
        cells = cells_of(size)
        expected = TorchNetwork(model, RECIPE, "cpu").logits(features_of(cells), cells)
        assert_equal(in_plain_operators(network, cells), expected)


class Doubled(MetaMixer):
    """A mixer of somebody else's."""

    def aggregate(self, coefficients: Tensor, features: Tensor, level: Any) -> Tensor:  # noqa: ARG002
        return 2 * coefficients


def test_a_mixer_from_elsewhere_is_refused_by_name():
    model = random_network(**SMALL)
    model.backbone.encoder[1].blocks[0].token_mixer = Doubled()
    with pytest.raises(ValueError, match=r"encoder.1.blocks.0.token_mixer: the mixer Doubled has no form"):
        ExportableNetwork(model)
    assert TorchNetwork(model, RECIPE, "cpu").reach == ((3, None), (3,))
