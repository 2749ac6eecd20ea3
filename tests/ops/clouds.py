"""Small voxel clouds with their neighbour tables, built here without the package's own geometry."""

from __future__ import annotations

import torch
from torch import Tensor


def surface(voxels: int, seed: int = 0) -> Tensor:
    """Distinct grid coordinates [V, 3] int64 in random order: a bumpy floor and a wall, as in a room."""
    generator = torch.Generator().manual_seed(seed)
    side = int(voxels**0.5) + 2
    u, v = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    bumps = torch.randint(0, 3, (side, side), generator=generator) // 2
    floor = torch.stack([u, v, bumps], dim=-1).reshape(-1, 3)
    wall = torch.stack([u, torch.zeros_like(u), v], dim=-1).reshape(-1, 3)
    cloud = torch.cat([floor, wall]).unique(dim=0)
    return cloud[torch.randperm(len(cloud), generator=generator)[:voxels]]


def table(grid_coord: Tensor, kernel_size: int, batch: Tensor | None = None) -> Tensor:
    """Neighbour table [V, K] int32 by way of a filled box that holds every voxel's row."""
    count, half = len(grid_coord), kernel_size // 2
    if count == 0:
        return torch.empty(0, kernel_size**3, dtype=torch.int32)
    batch = torch.zeros(count, dtype=torch.long) if batch is None else batch
    place = grid_coord - grid_coord.amin(0) + half
    sides = (place.amax(0) + half + 1).tolist()
    box = torch.full((int(batch.max()) + 1, *sides), count, dtype=torch.int32)
    x, y, z = place.unbind(1)
    box[batch, x, y, z] = torch.arange(count, dtype=torch.int32)
    steps = range(-half, half + 1)
    columns = [box[batch, x + dx, y + dy, z + dz] for dx in steps for dy in steps for dz in steps]
    return torch.stack(columns, dim=1)
