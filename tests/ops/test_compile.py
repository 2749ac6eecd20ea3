"""The convolution is one node to torch.export and torch.compile, with a backward that they see."""

from __future__ import annotations

import pytest
import torch
from ops.clouds import surface, table
from ops.comparison import make_inputs, run
from tolerances import TOLERANCES, assert_close
from torch import Tensor, nn

from ffnet3d.models import SubMConv3d
from ffnet3d.ops import resolve_backend, subm_conv3d, subm_conv3d_depthwise


def test_export_holds_one_node_for_any_number_of_voxels() -> None:
    layer = SubMConv3d(6, 8, 3).eval()
    grid = surface(40)
    features, *_ = make_inputs(len(grid), 27, 6, 8, torch.float32)
    rows = torch.export.Dim("rows", min=2)
    program = torch.export.export(layer, (features, table(grid, 3)), dynamic_shapes=({0: rows}, {0: rows}))
    calls = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert calls.count("ffnet3d.subm_conv3d_torch.default") == 1
    other = surface(61)
    features, *_ = make_inputs(len(other), 27, 6, 8, torch.float32)
    expected = layer(features, table(other, 3))
    assert torch.equal(program.module()(features, table(other, 3)), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_compiled_gradients_are_the_eager_ones(dtype: torch.dtype) -> None:
    grid = surface(40)
    inputs = make_inputs(len(grid), 27, 6, 8, dtype)
    expected = run("torch", inputs, table(grid, 3))
    compiled = torch.compile(subm_conv3d, backend="aot_eager", fullgraph=True)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:3]]
    out = compiled(*leaves, table(grid, 3), "torch")
    for actual, eager in zip((out, *torch.autograd.grad(out, leaves, inputs[3])), expected, strict=True):
        assert torch.equal(actual, eager)


@pytest.mark.parametrize("operator", [subm_conv3d, subm_conv3d_depthwise])
def test_the_registration_is_sound(operator: object) -> None:
    features, weight, bias, _ = make_inputs(20, 27, 4, 4, torch.float64)
    assert resolve_backend("torch").subm_conv3d_depthwise  # both operators are registered when loaded
    name = "subm_conv3d_torch" if operator is subm_conv3d else "subm_conv3d_depthwise_torch"
    weight = weight if operator is subm_conv3d else weight[:, :, 0].contiguous()
    leaves = [tensor.requires_grad_() for tensor in (features, weight, bias)]
    checked = torch.library.opcheck(
        getattr(torch.ops.ffnet3d, name).default,
        (*leaves, table(surface(20), 3), "none"),
        raise_exception=True,
    )
    assert set(checked.values()) == {"SUCCESS"}


class Layers(nn.Module):
    """Two convolutions with a norm and an activation between them, as the blocks have."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = SubMConv3d(6, 8, 3), nn.BatchNorm1d(8), SubMConv3d(8, 8, 3)

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        mixed: Tensor = self.second(torch.relu(self.norm(self.first(features, neighbors))), neighbors)
        return mixed


def test_compile_sees_through_autocast() -> None:
    layers, grid = Layers().eval(), surface(50)
    features, *_ = make_inputs(len(grid), 27, 6, 8, torch.float32)
    compiled = torch.compile(layers, backend="aot_eager", fullgraph=True)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        out, eager = compiled(features, table(grid, 3)), layers(features, table(grid, 3))
    assert out.dtype == torch.bfloat16
    assert_close(out, eager, TOLERANCES[torch.bfloat16].forward)
