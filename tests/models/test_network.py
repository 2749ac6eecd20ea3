"""The network against a naive one, and what its output must not depend on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ffnet3d.models import FFNet3D, create_model

SMALL = {
    "in_channels": 4,
    "stride": (2, 4),
    "enc_depths": (1, 2, 1),
    "enc_channels": (6, 8, 10),
    "dec_depths": (1, 1),
    "dec_channels": (7, 9),
}


def small_network(**overrides: Any) -> FFNet3D:
    """A float64 network of three levels whose every parameter and statistic is random; evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    network = FFNet3D(**{**SMALL, **overrides}).double().eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        tensor.copy_(noise.abs() + 0.5 if name.endswith("running_var") else noise * 0.3)
    return network


def cloud(count: int, seed: int = 0, extent: int = 12) -> dict[str, Tensor]:
    """One scene of distinct random voxels, in random order."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(extent**3, size=count, replace=False)
    grid = np.stack(np.unravel_index(cells, (extent,) * 3), axis=1)
    return {
        "grid_coord": torch.from_numpy(grid),
        "feat": torch.from_numpy(rng.standard_normal((count, SMALL["in_channels"]))),
        "offset": torch.tensor([count]),
    }


def join(*scenes: dict[str, Tensor]) -> dict[str, Tensor]:
    joined = {key: torch.cat([scene[key] for scene in scenes]) for key in ("grid_coord", "feat")}
    joined["offset"] = torch.cat([scene["offset"] for scene in scenes]).cumsum(0)
    return joined


class NaiveNetwork:
    """The network on one scene, voxel by voxel: dicts from cell to feature vector, no geometry of ours."""

    def __init__(self, network: FFNet3D) -> None:
        self.config = network.config
        self.state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}

    def __call__(self, cells: list[tuple[int, ...]], feat: np.ndarray) -> np.ndarray:
        config = self.config
        x = self.conv("stem.conv", dict(zip(cells, feat, strict=True)), 5)
        x = self.each(x, lambda v: gelu(self.norm("stem.norm", v)))
        skips = []
        for depth, blocks in enumerate(config.enc_depths):
            x = self.pool(depth - 1, x) if depth > 0 else x
            for i in range(blocks):
                x = self.block(f"encoder.{depth}.blocks.{i}", x, config.enc_ks)
            skips.append(x)
        for depth in reversed(range(len(config.dec_depths))):
            x = self.unpool(depth, x, skips[depth])
            for i in range(config.dec_depths[depth]):
                x = self.block(f"decoder.{depth}.blocks.{i}", x, config.dec_ks)
        return np.stack([x[cell] for cell in cells])

    @staticmethod
    def each(x: dict, function: Any) -> dict:
        return {cell: function(value) for cell, value in x.items()}

    def linear(self, name: str, v: np.ndarray) -> np.ndarray:
        return self.state[f"{name}.weight"] @ v + self.state[f"{name}.bias"]

    def norm(self, name: str, v: np.ndarray) -> np.ndarray:
        mean, var = self.state[f"{name}.running_mean"], self.state[f"{name}.running_var"]
        return (v - mean) / np.sqrt(var + 1e-3) * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def layer_norm(self, name: str, v: np.ndarray) -> np.ndarray:
        scaled = (v - v.mean()) / math.sqrt(v.var() + 1e-5)
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def conv(self, name: str, x: dict, size: int) -> dict:
        weight = self.state[f"{name}.weight"].reshape(
            size, size, size, -1, self.state[f"{name}.weight"].shape[-1]
        )
        bias = self.state.get(f"{name}.bias", 0)
        out = {}
        for cell in x:
            total = np.zeros(weight.shape[-1]) + bias
            for offset in np.ndindex(size, size, size):
                neighbor = tuple(int(c + o - size // 2) for c, o in zip(cell, offset, strict=True))
                if neighbor in x:
                    total = total + x[neighbor] @ weight[offset]
            out[cell] = total
        return out

    def block(self, name: str, x: dict, size: int) -> dict:
        act = gelu if self.config.use_gelu else lambda v: np.maximum(v, 0)
        token, channel = f"{name}.token_mixer", f"{name}.channel_mixer"
        y = self.each(x, lambda v: self.linear(f"{token}.query", self.layer_norm(f"{name}.norm1", v)))
        y = self.each(self.conv(f"{token}.key", y, size), lambda v: act(self.norm(f"{token}.key_norm", v)))
        y = self.each(self.conv(f"{token}.value", y, size), lambda v: self.norm(f"{token}.value_norm", v))
        x = {cell: x[cell] + y[cell] for cell in x}
        y = self.conv(f"{channel}.conv", self.each(x, lambda v: self.layer_norm(f"{name}.norm2", v)), size)
        y = self.each(y, lambda v: act(self.linear(f"{channel}.fc1", self.norm(f"{channel}.norm", v))))
        return {cell: x[cell] + self.linear(f"{channel}.fc2", y[cell]) for cell in x}

    def pool(self, depth: int, x: dict) -> dict:
        children: dict = {}
        for cell, value in x.items():
            parent = tuple(c // self.config.stride[depth] for c in cell)
            children.setdefault(parent, []).append(self.linear(f"pools.{depth}.proj", value))
        name = f"pools.{depth}.norm"
        return {cell: gelu(self.norm(name, np.max(values, axis=0))) for cell, values in children.items()}

    def unpool(self, depth: int, coarse: dict, skip: dict) -> dict:
        def project(name: str, v: np.ndarray) -> np.ndarray:
            return gelu(self.norm(f"{name}.norm", self.linear(f"{name}.linear", v)))

        coarse = self.each(coarse, lambda v: project(f"unpools.{depth}.proj", v))
        skip = self.each(skip, lambda v: project(f"unpools.{depth}.skip", v))
        stride = self.config.stride[depth]
        return {cell: value + coarse[tuple(c // stride for c in cell)] for cell, value in skip.items()}


def gelu(v: np.ndarray) -> np.ndarray:
    return np.array([0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in v])


@pytest.mark.parametrize(
    "overrides", [{}, {"use_gelu": False, "enc_ks": 5, "dec_ks": 1}], ids=["gelu", "relu"]
)
def test_forward_equals_the_naive_network(overrides: dict[str, Any]) -> None:
    network = small_network(**overrides)
    scene = cloud(60, extent=9)
    cells = [tuple(cell) for cell in scene["grid_coord"].tolist()]
    expected = NaiveNetwork(network)(cells, scene["feat"].numpy())
    with torch.no_grad():
        out = network(scene)
    assert out.shape == (60, 7)
    torch.testing.assert_close(out, torch.from_numpy(expected), rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_output_follows_the_order_of_the_points() -> None:
    network, scene = small_network(), cloud(80)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(1))
    shuffled = {**scene, "grid_coord": scene["grid_coord"][order], "feat": scene["feat"][order]}
    torch.testing.assert_close(network(shuffled), network(scene)[order], rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_scene_alone_equals_scene_in_a_batch() -> None:
    network, scenes = small_network(), [cloud(50, seed=1), cloud(1, seed=2), cloud(70, seed=3)]
    together = network(join(*scenes)).split([50, 1, 70])
    for scene, out in zip(scenes, together, strict=True):
        torch.testing.assert_close(network(scene), out, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_batch_in_place_of_offset() -> None:
    network, batch = small_network(), join(cloud(20, seed=1), cloud(30, seed=2))
    named = {"grid_coord": batch["grid_coord"], "feat": batch["feat"], "batch": torch.arange(50).ge(20).int()}
    torch.testing.assert_close(network(named), network(batch), rtol=0, atol=0)


@torch.no_grad()
def test_points_of_a_voxel_share_the_mean_and_the_output() -> None:
    network, scene = small_network(), cloud(40)
    feat = scene["feat"]
    doubled = {
        "grid_coord": scene["grid_coord"].repeat(2, 1),
        "feat": torch.cat([feat + 0.7, feat - 0.7]),
        "offset": torch.tensor([80]),
    }
    first, second = network(doubled).split(40)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, network(scene), rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_ten_thousand_points_in_one_voxel() -> None:
    scene = {
        "grid_coord": torch.full((10_000, 3), 5),
        "feat": torch.randn(10_000, 4, generator=torch.Generator().manual_seed(0)),
        "offset": torch.tensor([10_000]),
    }
    out = small_network()(scene)
    assert out.isfinite().all()
    assert (out == out[0]).all()


@torch.no_grad()
@pytest.mark.parametrize("position", [[0, 0, 0], [65535, 65535, 65535]])
def test_one_point(position: list[int]) -> None:
    scene = {"grid_coord": torch.tensor([position]), "feat": torch.ones(1, 4), "offset": torch.tensor([1])}
    out = small_network()(scene)
    assert out.shape == (1, 7)
    assert out.isfinite().all()


@torch.no_grad()
def test_precomputed_pyramid_gives_the_same() -> None:
    network, scene = small_network(), cloud(40)
    pyramid = network.build_pyramid(scene)
    torch.testing.assert_close(network({**scene, "pyramid": pyramid}), network(scene), rtol=0, atol=0)
    with pytest.raises(ValueError, match="pyramid has 40 points, the batch 30"):
        network({**cloud(30), "pyramid": pyramid})
    with pytest.raises(ValueError, match="does not serve the kernels"):
        small_network(enc_ks=5)({**scene, "pyramid": pyramid})


@torch.no_grad()
def test_order_and_shuffle_do_not_change_the_result() -> None:
    scene = cloud(40)
    others = small_network(order=["z", "hilbert-trans"], shuffle_orders=False)
    torch.testing.assert_close(others(scene), small_network()(scene), rtol=0, atol=0)


def zero_gradients_by_construction(network: FFNet3D) -> set[str]:
    """Names of the biases that a batch norm removes again (see the docstring of ffnet3d.models.network)."""
    before_norm = ("key.bias", "value.bias", "conv.bias", ".linear.bias")
    names = {name for name, _ in network.named_parameters() if name.endswith(before_norm)}
    names |= {f"pools.{depth}.proj.bias" for depth in range(len(network.pools))}
    ends = [("encoder", depth, blocks) for depth, blocks in enumerate(network.config.enc_depths)]
    ends += [
        ("decoder", depth, blocks) for depth, blocks in enumerate(network.config.dec_depths) if depth > 0
    ]
    return names | {f"{part}.{depth}.blocks.{n - 1}.channel_mixer.fc2.bias" for part, depth, n in ends}


def test_gradients_reach_every_parameter_but_the_documented() -> None:
    network = small_network(drop_path=0.0).train()
    out = network(join(cloud(300, seed=1), cloud(200, seed=2)))
    (
        out * torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(0))
    ).sum().backward()
    gradients = {name: parameter.grad.abs().max().item() for name, parameter in network.named_parameters()}
    zero = {name for name, gradient in gradients.items() if gradient < 1e-9}
    assert zero == zero_gradients_by_construction(network)


def test_released_network_has_86_zero_gradients() -> None:
    with torch.device("meta"):
        network = create_model("ffnet3d").backbone
    assert len(zero_gradients_by_construction(network)) == 86


def test_training_needs_two_voxels_at_the_coarsest_level() -> None:
    network = small_network().train()
    with pytest.raises(ValueError, match="single voxel at the coarsest level"):
        network(cloud(30, extent=8))
    assert network(join(cloud(30, extent=8), cloud(1))).isfinite().all()


def test_recompute_gives_the_same_gradients_and_statistics() -> None:
    gradients, statistics = [], []
    for recompute in (False, True):
        network = small_network(recompute=recompute, proj_drop=0.2, drop_path=0.3).train()
        torch.manual_seed(0)
        network(cloud(200)).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
        statistics.append(list(network.buffers()))
    torch.testing.assert_close(*gradients, rtol=0, atol=0)
    torch.testing.assert_close(*statistics, rtol=0, atol=0)


@pytest.mark.parametrize("per", ["point", "scene"])
def test_drop_path_is_repeatable_and_off_in_evaluation(per: str) -> None:
    network, scene = small_network(drop_path=0.5, drop_path_per=per).train(), cloud(100)

    def run(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return network(scene).detach()

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))
    network.eval()
    assert torch.equal(run(0), run(1))


def test_float32_and_bfloat16_follow_float64() -> None:
    network, scene = small_network(), cloud(100)
    with torch.no_grad():
        exact = network(scene)
        single = network.float()(scene)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(scene)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-4)
    assert (half.double() - exact).norm() < 0.05 * exact.norm()


def valid() -> dict[str, Any]:
    return {"grid_coord": torch.zeros(5, 3).long(), "feat": torch.zeros(5, 4), "offset": torch.tensor([5])}


BAD_INPUT = [
    ({"feat": None}, r"has no 'feat' \(it has grid_coord, offset\): Collect"),
    ({"grid_coord": None}, r"has no 'grid_coord'.*GridSample\(return_grid_coord=True\)"),
    ({"offset": None}, r"needs integers offset \[B\] or batch \[N\]"),
    ({"feat": np.zeros((5, 4))}, "feat must be a tensor, got ndarray: add ToTensor"),
    ({"feat": torch.zeros(5, 6)}, r"feat must be \[N, 4\], got \[5, 6\]"),
    ({"feat": torch.zeros(5, 4).int()}, r"feat must be floating point, got torch\.int32"),
    ({"feat": torch.zeros(0, 4)}, "no points"),
    ({"grid_coord": torch.zeros(4, 3).int()}, r"grid_coord must be \[5, 3\] beside feat, got \[4, 3\]"),
    ({"grid_coord": torch.zeros(5, 3)}, r"voxels, not metres.*got torch\.float32"),
    ({"grid_coord": torch.full((5, 3), -2)}, "negative value -2"),
    ({"grid_coord": torch.full((5, 3), 65536)}, "65536, the limit is 65535"),
    ({"offset": torch.tensor([4])}, r"offset must end at the number of points, 5, got \[4\]"),
    ({"offset": torch.tensor([6, 5])}, "offset must be cumulative"),
    ({"offset": torch.tensor([5.0])}, "needs integers offset"),
    ({"batch": torch.zeros(4).long()}, "batch must name the scene of each of 5 points, got 4"),
    ({"batch": torch.full((5,), -1)}, "negative index -1"),
]


@pytest.mark.parametrize(("change", "message"), BAD_INPUT)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    batch = {key: value for key, value in {**valid(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        small_network()(batch)


def test_keyword_of_the_recipe_finds_the_blocks_only() -> None:
    with torch.device("meta"):
        model = create_model("ffnet3d")
    names = [name for name, _ in model.named_parameters()]
    mixers = [name for name in names if "mixer" in name or ".norm1." in name or ".norm2." in name]
    assert mixers == [name for name in names if "block" in name]
    assert len(mixers) == 22 * 22
