"""Branches folded into one kernel compute what the branches computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ffnet3d.models import Submanifold, create_model, from_pretrained, fuse, merge, save_pretrained
from ffnet3d.models.branches import BRANCHES, BranchedConv, branch_kernels
from ffnet3d.models.layers import SubMConv3d, SubMDepthwiseConv3d
from ffnet3d.voxels import build_neighbors


def shaken(module: nn.Module) -> nn.Module:
    """Every weight, bias and statistic far from where it starts."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm1d):
            nn.init.normal_(child.running_mean)
            nn.init.uniform_(child.running_var, 0.5, 2)
            nn.init.uniform_(child.weight, -1.5, 1.5)
            nn.init.normal_(child.bias)
        elif isinstance(child, Submanifold):
            nn.init.normal_(child.weight)
            if child.bias is not None:
                nn.init.normal_(child.bias)
    return module.eval()


def scene() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "grid_coord": torch.randint(0, 40, (600, 3), generator=generator),
        "feat": torch.randn(600, 6, generator=generator),
        "offset": torch.tensor([200, 600]),
    }


@pytest.mark.parametrize("depthwise", [True, False])
@pytest.mark.parametrize("names", [("small",), ("strips",), ("identity",), BRANCHES])
@pytest.mark.parametrize("kernel", [3, 5, 7, 9, "cross9"])
def test_merged_kernel_is_the_sum_of_the_branches(
    kernel: int | str, names: tuple[str, ...], depthwise: bool
) -> None:
    torch.manual_seed(0)
    like = SubMDepthwiseConv3d(6, kernel) if depthwise else SubMConv3d(6, 6, kernel)
    branched = shaken(BranchedConv(like, names).double())
    grid = torch.randint(0, 9, (200, 3)).unique(dim=0)
    table = build_neighbors(grid, torch.zeros(len(grid)).long(), kernel)
    features = torch.randn(len(grid), 6, dtype=torch.float64)
    merged = branched.merged()
    assert merged.weight.shape == like.weight.shape
    torch.testing.assert_close(merged(features, table), branched(features, table), rtol=1e-10, atol=1e-10)


def test_branches_have_the_kernels_of_the_networks_for_images() -> None:
    assert branch_kernels("small", 7) == (3,)
    assert branch_kernels("small", 9) == (5,)
    assert branch_kernels("small", 3) == (1,)
    assert branch_kernels("small", "cross9") == ("cross5",)
    assert branch_kernels("strips", 7) == ("7x1x1", "1x7x1", "1x1x7")
    assert branch_kernels("strips", "9x1x1") == ()
    assert branch_kernels("identity", 7) == (None,)


@pytest.mark.parametrize(
    "overrides",
    [
        {"branches": BRANCHES},
        {"branches": BRANCHES, "mixers": "ffnified_depthwise", "enc_ks": (3, 3, 5, 7, "cross9")},
        {"branches": ("small",), "norms": "batch", "layer_scale": 0.1},
    ],
)
def test_a_merged_network_predicts_the_same_and_the_model_stays(overrides: dict[str, object]) -> None:
    torch.manual_seed(0)
    model = shaken(create_model("ffnet3d-tiny", num_classes=5, **overrides))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        expected = model(scene())["seg_logits"]
        for other in (merge(model), fuse(model), fuse(merge(model)), merge(merge(model))):
            assert not any(isinstance(module, BranchedConv) for module in other.modules())
            assert (other(scene())["seg_logits"] - expected).abs().max() < 1e-4 * expected.abs().max()
    assert expected.std() > 0.01
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.backbone.config.branches == overrides["branches"]


def test_merging_leaves_one_branch_of_parameters() -> None:
    branched, plain = (create_model("ffnet3d-tiny", branches=branches) for branches in (BRANCHES, ()))
    kernels = [
        sum(p.numel() for p in model.parameters() if p.ndim == 3) for model in (merge(branched), plain)
    ]
    assert kernels[0] == kernels[1]


def test_a_merged_network_is_saved_and_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = shaken(create_model("ffnet3d-tiny", num_classes=5, branches=("small", "identity")))
    merged = merge(model)
    save_pretrained(merged, tmp_path)
    loaded = from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(scene()), merged(scene()), rtol=0, atol=0)
    assert loaded.backbone.config.branches == ("merged",)


def test_branches_train() -> None:
    torch.manual_seed(0)
    model = create_model("ffnet3d-tiny", num_classes=5, branches=BRANCHES)
    model({**scene(), "segment": torch.randint(0, 5, (600,))})["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
