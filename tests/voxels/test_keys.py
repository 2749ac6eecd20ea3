"""Z-order keys against the definition, and the checks of the grid."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from voxels.oracle import interleaved_code, parent_cell
from voxels.strategies import cell_lists, tensors

from ffnet3d.voxels import MAX_BATCH, MAX_BITS, check_grid, z_decode, z_encode
from ffnet3d.voxels.keys import coarsen_key


@given(cell_lists(unique=False))
def test_key_is_batch_then_interleaved_bits(cells):
    expected = [(b << 48) | interleaved_code(x, y, z) for b, x, y, z in cells]
    assert z_encode(*tensors(cells)).tolist() == expected


@given(cell_lists(unique=False))
def test_decode_inverts_encode(cells):
    grid_coord, batch = tensors(cells)
    decoded, decoded_batch = z_decode(z_encode(grid_coord, batch))
    assert torch.equal(decoded, grid_coord)
    assert torch.equal(decoded_batch, batch)


@given(cell_lists(unique=False))
def test_coarser_key_is_the_key_of_the_parent(cells):
    for bits in (0, 1, 3, 16):
        parents = [parent_cell(cell, 2**bits) for cell in cells]
        assert torch.equal(coarsen_key(z_encode(*tensors(cells)), bits), z_encode(*tensors(parents)))


def test_random_round_trip_over_the_whole_range():
    generator = torch.Generator().manual_seed(0)
    grid_coord = torch.randint(0, 2**MAX_BITS, (2000, 3), generator=generator)
    batch = torch.randint(0, MAX_BATCH, (2000,), generator=generator)
    key = z_encode(grid_coord, batch)
    assert (key >= 0).all()
    assert torch.equal(z_decode(key)[0], grid_coord)
    assert torch.equal(z_decode(key)[1], batch)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64, torch.uint16])
def test_integer_types_and_no_batch(dtype):
    grid_coord = torch.tensor([[1, 2, 3], [0, 0, 100]])
    assert torch.equal(z_encode(grid_coord.to(dtype)), z_encode(grid_coord, torch.zeros(2, dtype=dtype)))


@pytest.mark.parametrize(
    ("grid_coord", "batch", "message"),
    [
        ([[0, 0]], None, r"grid_coord must be \[N, 3\], got \[1, 2\]"),
        ([0, 0, 0], None, r"grid_coord must be \[N, 3\], got \[3\]"),
        ([[0.0, 0.5, 0.0]], None, "grid_coord must be integers, got torch.float32: voxelize"),
        ([[True, False, True]], None, "grid_coord must be integers, got torch.bool"),
        ([[0, -7, 0]], None, "negative value -7: subtract its minimum"),
        (
            [[0, 65536, 0]],
            None,
            "value 65536, the limit is 65535 .* are the coordinates in metres.*grid_size",
        ),
        ([[0, 0, 0]], [0, 0], r"batch must be \[N\] with N = 1 .* got \[2\]"),
        ([[0, 0, 0]], [[0]], r"batch must be \[N\] with N = 1 .* got \[1, 1\]"),
        ([[0, 0, 0]], [0.0], "batch must be integers, got torch.float32"),
        ([[0, 0, 0]], [-1], "batch has the negative index -1"),
        ([[0, 0, 0]], [32768], "batch has the index 32768, the limit is 32767"),
    ],
)
def test_bad_grids_are_refused(grid_coord, batch, message):
    batch = None if batch is None else torch.tensor(batch)
    with pytest.raises(ValueError, match=message):
        check_grid(torch.tensor(grid_coord), batch)
    with pytest.raises(ValueError, match=message):
        z_encode(torch.tensor(grid_coord), batch)


def test_a_batch_on_another_device_is_refused():
    with pytest.raises(ValueError, match="batch is on meta, grid_coord on cpu"):
        check_grid(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, dtype=torch.int64, device="meta"))


def test_limits_themselves_are_legal():
    key = z_encode(torch.tensor([[0, 0, 0], [65535] * 3]), torch.tensor([0, 32767]))
    assert key.tolist() == [0, 2**63 - 1]
