"""The graph of a network for any number of voxels, by torch.export."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.export import Dim, ExportedProgram

from ffnet3d.export.network import ExportableNetwork
from ffnet3d.export.trial import Trial


def trace(network: ExportableNetwork, example: Trial) -> ExportedProgram:
    """The network's graph; the number of voxels of each level stays open."""
    tables = {name: torch.from_numpy(table) for name, table in example.pyramid.tables().items()}
    dims = [Dim(f"voxels_{depth}", min=1) for depth in range(len(network.kernel_sizes))]
    shapes = {
        "features": {0: dims[0]},
        "tables": {name: {0: dims[depth]} for name, depth in levels_of_rows(tables).items()},
    }
    with torch.no_grad():
        arguments = (torch.from_numpy(example.features), tables)
        return torch.export.export(network.eval(), arguments, dynamic_shapes=shapes, strict=False)


def levels_of_rows(names: Iterable[str]) -> dict[str, int]:
    """The level whose voxels are the rows of each table: a line of children belongs to the coarser level."""
    tables = [name for name in names if name != "features"]
    return {name: int(name.split("_")[1]) + name.startswith("children") for name in tables}
