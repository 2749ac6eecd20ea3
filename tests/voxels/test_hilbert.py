"""The Hilbert curve by its defining properties, and the orders by name."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from voxels.strategies import cell_lists, tensors

from ffnet3d.voxels import ORDERS, hilbert_decode, hilbert_encode, serialize, z_encode


def cube(edge: int) -> torch.Tensor:
    """All cells of a cube, [edge**3, 3]."""
    return torch.cartesian_prod(*[torch.arange(edge)] * 3)


@given(cell_lists(unique=False))
def test_decode_inverts_encode(cells):
    grid_coord, batch = tensors(cells)
    decoded, decoded_batch = hilbert_decode(hilbert_encode(grid_coord, batch))
    assert torch.equal(decoded, grid_coord)
    assert torch.equal(decoded_batch, batch)


def test_curve_visits_each_cell_once_in_unit_steps():
    grid_coord = cube(16)
    key = hilbert_encode(grid_coord)
    assert torch.equal(key.sort().values, torch.arange(16**3))
    steps = grid_coord[key.argsort()].diff(dim=0).abs().sum(dim=1)
    assert (steps == 1).all()


def test_consecutive_keys_are_face_neighbours_far_from_the_origin():
    key = torch.arange(2**47 - 500, 2**47 + 500)
    grid_coord, _ = hilbert_decode(key)
    assert (grid_coord.diff(dim=0).abs().sum(dim=1) == 1).all()


def test_the_curve_fills_each_octant_before_the_next():
    grid_coord = cube(8)
    octant = (grid_coord // 4 * torch.tensor([4, 2, 1])).sum(dim=1)
    visited = octant[hilbert_encode(grid_coord).argsort()].unique_consecutive()
    assert sorted(visited.tolist()) == list(range(8))


@pytest.mark.parametrize("order", ORDERS)
def test_orders_give_distinct_keys_batch_by_batch(order):
    grid_coord = cube(4).repeat(2, 1)
    batch = torch.arange(2).repeat_interleave(64)
    key = serialize(grid_coord, batch, order)
    assert len(key.unique()) == len(key)
    assert torch.equal(batch[key.argsort()], batch)


def test_orders_are_the_curves_they_name():
    grid_coord, batch = cube(4), torch.zeros(64, dtype=torch.int64)
    swapped = grid_coord[:, [1, 0, 2]]
    assert torch.equal(serialize(grid_coord, batch, "z"), z_encode(grid_coord, batch))
    assert torch.equal(serialize(grid_coord, batch, "z-trans"), z_encode(swapped, batch))
    assert torch.equal(serialize(grid_coord, batch, "hilbert"), hilbert_encode(grid_coord, batch))
    assert torch.equal(serialize(grid_coord, batch, "hilbert-trans"), hilbert_encode(swapped, batch))


def test_errors():
    with pytest.raises(ValueError, match="unknown order 'zorder', known: z, z-trans, hilbert, hilbert-trans"):
        serialize(cube(2), None, "zorder")
    with pytest.raises(ValueError, match="negative value -1"):
        hilbert_encode(cube(2) - 1)
    with pytest.raises(ValueError, match=r"grid_coord must be \[N, 3\]"):
        serialize(torch.zeros(2, 2, dtype=torch.int64), None, "z-trans")
