"""Mixers: the frame's parts make up the whole, in any place of the network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ffnet3d.models import MIXERS, create_model, fuse
from ffnet3d.models.mixers import MetaMixer, MixerSpec, WindowAttention, build_mixer
from ffnet3d.models.windows import cut_windows
from ffnet3d.voxels import Level, build_pyramid

KERNELS = ({3, 5, 7, "cross9"},)


def level(count: int = 150, extent: int = 8, scenes: int = 2) -> Level:
    """Voxels of some scenes, with tables of several kernels."""
    generator = torch.Generator().manual_seed(0)
    grid = torch.randint(0, extent, (count, 3), generator=generator)
    batch = torch.arange(count) * scenes // count
    return build_pyramid(grid, batch, strides=(), kernel_sizes=KERNELS).levels[0]


def mixer_and_features(name: str, place: Level, **spec: object) -> tuple[MetaMixer, Tensor]:
    torch.manual_seed(1)
    mixer = build_mixer(name, MixerSpec(channels=64, **spec)).double()
    for parameter in mixer.parameters():
        nn.init.normal_(parameter, std=0.3)
    return mixer, torch.randn(place.num_voxels, 64, dtype=torch.float64)


@pytest.mark.parametrize("name", MIXERS.names())
def test_the_parts_make_up_the_whole(name: str) -> None:
    place = level()
    mixer, features = mixer_and_features(name, place, window=32, shifted=True)
    mixer.eval()
    whole = mixer(features, place)
    coefficients = mixer.coefficients(features, place)
    assert whole.shape == features.shape
    torch.testing.assert_close(mixer.aggregate(coefficients, features, place), whole)
    with torch.no_grad():
        torch.testing.assert_close(mixer(features, place), whole)  # evaluation may take a shorter way
    if mixer.static_keys:
        assert coefficients.shape[0] == place.num_voxels


@pytest.mark.parametrize("name", MIXERS.names())
def test_scenes_of_a_batch_do_not_see_each_other(name: str) -> None:
    place = level()
    mixer, features = mixer_and_features(name, place, window=32)
    mixer.eval()
    other = torch.where(place.batch[:, None] == 1, torch.randn_like(features), features)
    before, after = mixer(features, place), mixer(other, place)
    first = place.batch == 0
    torch.testing.assert_close(after[first], before[first])
    assert name == "identity" or not torch.allclose(after[~first], before[~first])


@pytest.mark.parametrize("kernel", [3, 5, 7, "cross9"])
def test_pooling_is_the_mean_of_the_neighbours_less_the_voxel(kernel: int | str) -> None:
    place = level()
    mixer, features = mixer_and_features("pooling", place, kernel=kernel)
    table = place.neighbors[kernel]
    expected = torch.stack([features[row[row < len(table)].long()].mean(0) for row in table]) - features
    torch.testing.assert_close(mixer(features, place), expected)


def test_window_attention_is_softmax_attention_within_each_window() -> None:
    place = level(90, scenes=2)
    mixer, features = mixer_and_features("window_attention", place, window=16)
    assert isinstance(mixer, WindowAttention)
    windows = mixer.windows(place)
    query, key, value = (
        layer(features).unflatten(1, (2, 32)) for layer in (mixer.query, mixer.key, mixer.value)
    )
    expected = torch.empty_like(features)
    for rows in windows.rows.view(-1, 16):
        inside = rows[rows < place.num_voxels]
        scores = torch.einsum("ihd,jhd->hij", query[inside], key[inside]) / 32**0.5
        expected[inside] = torch.einsum("hij,jhd->ihd", scores.softmax(-1), value[inside]).flatten(1)
    torch.testing.assert_close(mixer(features, place), mixer.out(expected))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("counts", [(1,), (16, 16), (5, 40, 1), (0, 7), (24,)])
def test_windows_hold_each_voxel_once_in_order(counts: tuple[int, ...], shifted: bool) -> None:
    batch = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    windows = cut_windows(batch, 16, shifted)
    rows = windows.rows.view(-1, 16)
    taken = rows < len(batch)
    assert torch.equal(rows[taken], torch.arange(len(batch)))
    assert torch.equal(windows.rows[windows.places], torch.arange(len(batch)))
    assert torch.equal(windows.taken.flatten(1), taken)
    assert taken.any(dim=1).all()
    scenes = [batch[row[row < len(batch)]].unique() for row in rows]
    assert all(len(scene) == 1 for scene in scenes)
    if shifted and counts == (24,):
        assert taken.sum(dim=1).tolist() == [8, 16]


def test_softmax_coefficients_are_shares() -> None:
    place = level()
    mixer, features = mixer_and_features("ffnified", place, activation="softmax")
    coefficients = mixer.coefficients(features, place)
    torch.testing.assert_close(coefficients.sum(1), torch.ones(place.num_voxels, dtype=torch.float64))


def test_one_scene_in_another_order_is_predicted_alike() -> None:
    torch.manual_seed(0)
    model = create_model("ffnet3d-lite", num_classes=4, window=16).eval()
    grid = torch.randint(0, 30, (300, 3)).unique(dim=0)
    feat, order = torch.randn(len(grid), 6), torch.randperm(len(grid))
    offset = torch.tensor([len(grid)])
    with torch.no_grad():
        plain = model({"grid_coord": grid, "feat": feat, "offset": offset})["seg_logits"]
        moved = model({"grid_coord": grid[order], "feat": feat[order], "offset": offset})["seg_logits"]
    torch.testing.assert_close(moved, plain[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", ["mixers", "channel_mixers"])
@pytest.mark.parametrize("name", MIXERS.names())
def test_every_mixer_trains_and_fuses_in_either_place(name: str, place: str) -> None:
    torch.manual_seed(0)
    model = create_model("ffnet3d-tiny", num_classes=4, window=16, **{place: name})
    batch = {
        "grid_coord": torch.randint(0, 40, (400, 3)),
        "feat": torch.randn(400, 6),
        "offset": torch.tensor([150, 400]),
        "segment": torch.randint(0, 4, (400,)),
    }
    model(batch)["loss"].backward()
    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters()
    )
    model.eval()
    with torch.no_grad():
        expected = model(batch)["seg_logits"]
        assert (fuse(model)(batch)["seg_logits"] - expected).abs().max() < 1e-4 * expected.abs().max()


def test_recomputed_branches_have_the_same_gradients() -> None:
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = create_model(
            "ffnet3d-tiny", num_classes=4, recompute=recompute, drop_path=0.0, mixers="window_attention"
        )
        batch = {"grid_coord": torch.randint(0, 40, (400, 3)), "feat": torch.randn(400, 6)}
        batch |= {"offset": torch.tensor([400]), "segment": torch.randint(0, 4, (400,))}
        model(batch)["loss"].backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(*gradients)
