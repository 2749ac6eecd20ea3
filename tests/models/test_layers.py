"""Single layers: convolution module, stochastic depth, sampling between levels."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ffnet3d.models import DropPath, GridPool, GridUnpool, SubMConv3d
from ffnet3d.voxels import build_neighbors


def test_convolution_equals_a_dense_one() -> None:
    torch.manual_seed(0)
    size, kernel = 4, 3
    cells = torch.cartesian_prod(*[torch.arange(size)] * 3)
    conv = SubMConv3d(2, 5, kernel).double()
    torch.nn.init.normal_(conv.bias)
    features = torch.randn(size**3, 2, dtype=torch.float64)
    out = conv(features, build_neighbors(cells, torch.zeros(size**3).long(), kernel))
    grid = features.t().reshape(1, 2, size, size, size)
    weight = conv.weight.reshape(kernel, kernel, kernel, 2, 5).permute(4, 3, 0, 1, 2)
    dense = F.conv3d(grid, weight, conv.bias, padding=kernel // 2)
    torch.testing.assert_close(out, dense.reshape(5, -1).t(), rtol=1e-10, atol=1e-10)


def test_convolution_starts_as_released() -> None:
    torch.manual_seed(0)
    conv = SubMConv3d(32, 32, 3)
    assert conv.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not conv.bias.any()
    assert SubMConv3d(2, 3, 5, bias=False).bias is None
    with pytest.raises(ValueError, match="kernel_size must be odd and positive, got 2"):
        SubMConv3d(2, 2, 2)


@pytest.mark.parametrize("per", ["point", "scene"])
def test_drop_path_keeps_the_mean(per: str) -> None:
    torch.manual_seed(0)
    batch = torch.arange(10_000) // (1 if per == "point" else 2)
    out = DropPath(0.3, per)(torch.ones(10_000, 3), batch)
    kept = out[:, 0] > 0
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.02)
    torch.testing.assert_close(out[kept], torch.full((int(kept.sum()), 3), 1 / 0.7))
    assert (out == out[:, :1]).all()
    pairs_agree = (out[0::2, 0] == out[1::2, 0]).float().mean().item()
    assert pairs_agree == pytest.approx(1.0 if per == "scene" else 0.7**2 + 0.3**2, abs=0.02)


def test_drop_path_is_the_identity_in_evaluation() -> None:
    features = torch.randn(5, 2)
    assert DropPath(0.9).eval()(features, torch.zeros(5).long()) is features
    with pytest.raises(ValueError, match=r"drop_path must be in \[0, 1\), got 1"):
        DropPath(1)


def test_pool_takes_the_maximum_of_the_children() -> None:
    torch.manual_seed(0)
    pool = GridPool(3, 4).eval()
    features = torch.randn(6, 3)
    out = pool(features, torch.tensor([0, 0, 0, 1, 2, 2]), 3)
    projected = pool.proj(features)
    maxima = torch.stack([projected[:3].amax(0), projected[3], projected[4:].amax(0)])
    torch.testing.assert_close(out, F.gelu(maxima / (1 + 1e-3) ** 0.5))


def test_unpool_adds_the_parent_to_the_skip() -> None:
    torch.manual_seed(0)
    unpool = GridUnpool(3, 2, 4).eval()
    coarse, skip, parents = torch.randn(2, 3), torch.randn(5, 2), torch.tensor([0, 0, 1, 1, 1])
    expected = unpool.skip(skip) + torch.stack([unpool.proj(coarse[p : p + 1])[0] for p in parents])
    torch.testing.assert_close(unpool(coarse, skip, parents), expected)
