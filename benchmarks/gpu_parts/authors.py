"""Part "authors": the same network with a kernel map for each convolution, as in the authors' form.

Every convolution is spconv's own `SubMConv3d` without an `indice_key`: it builds its map (hash table, pairs,
masks) anew at each call, 66 of 3x3x3 and the stem's, and chooses its kernels as spconv does by itself, sums
in float16 included. All else is this project's network, with the pyramid given: the authors' sorting along
four curves, and the search for the parent cells, are not counted against them. float16 only, as spconv has no
bfloat16: in evaluation the whole network is in float16, in training it runs under autocast, as released.
On a CPU (dry runs) spconv's CPU build runs the forward pass in float32 on one thread; it has no backward.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor, nn

from ffnet3d.models import SubMConv3d
from ffnet3d.voxels import Pyramid
from gpu_parts.bench import Bench, Case, error_of
from gpu_parts.network import add
from gpu_parts.precision import PRECISIONS, Precision, products_of_float32
from gpu_parts.training import training_step

LIMIT = 5e-2  # of the largest logit: float16 sums in some kernels, over the whole depth of the network
MARGIN = 96  # voxels beyond the largest coordinate; spconv wants the extent, and Pointcept adds so many


class OwnMap(nn.Module):
    """Stands for a SubMConv3d of ours: the same weights in spconv's layer, and a kernel map at each call."""

    def __init__(self, convolution: SubMConv3d, places: dict[int, dict[str, Any]]) -> None:
        super().__init__()
        self.library = importlib.import_module("spconv.pytorch")
        self.places = places
        size, (_, cin, cout) = convolution.kernel_size, convolution.weight.shape
        on_gpu = convolution.weight.is_cuda
        has_bias = convolution.bias is not None
        self.layer = self.library.SubMConv3d(cin, cout, size, bias=has_bias and on_gpu)
        self.layer.to(convolution.weight.device)
        filters = convolution.weight.detach().permute(2, 0, 1)
        self.layer.weight.data.copy_(filters.reshape(self.layer.weight.shape))
        self.bias = None  # spconv's CPU code has none
        if has_bias and on_gpu:
            self.layer.bias.data.copy_(convolution.bias.detach())
        elif has_bias:
            self.bias = nn.Parameter(convolution.bias.detach().clone())

    @property
    def weight(self) -> Tensor:
        """Its dtype is asked for by the network."""
        return self.layer.weight

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, Cin] and our table, by which the level's voxels are found -> features [V, Cout]."""
        voxels = self.library.SparseConvTensor(features, **self.places[id(neighbors)])
        out: Tensor = self.layer(voxels).features
        return out if self.bias is None else out + self.bias


def authors(bench: Bench, case: Case, precision: Precision, backend: str) -> None:
    """Add the forward pass and the training step; once, with float16."""
    if backend != "spconv" or precision.name != ("fp16" if bench.clock.on_gpu else "fp32"):
        return
    batch = {key: value for key, value in bench.batch(case).items() if key != "segment"}
    with products_of_float32(precision):
        model = in_authors_form(bench.network("torch").eval(), batch["pyramid"]).to(precision.dtype)

        @torch.no_grad()
        def forward() -> Tensor:
            return model(batch)["seg_logits"]

        with torch.no_grad():
            expected = bench.network("torch").eval()(batch)["seg_logits"]
        error = error_of(forward(), expected)
        if not error <= LIMIT:
            raise ValueError(f"the authors' form is off by {error:.3g} of the largest logit")
        times, peak = bench.clock.measure(forward), bench.clock.peak_bytes(forward)
        add(bench, "authors", case, precision, backend, "forward", times, peak, off_by=error)
        if bench.clock.on_gpu:
            train(bench, case, backend)


def train(bench: Bench, case: Case, backend: str) -> None:
    """Add the training step."""
    precision, batch = PRECISIONS["fp16"], bench.batch(case)
    model = in_authors_form(bench.network("torch").train(), batch["pyramid"])
    step = training_step(model, precision, bench.device)
    times = bench.clock.measure(step, lambda: (batch,))
    peak = bench.clock.peak_bytes(step, lambda: (batch,))
    add(bench, "authors", case, precision, backend, "training step", times, peak)


def in_authors_form(model: nn.Module, pyramid: Pyramid) -> nn.Module:
    """The model with each convolution replaced; it serves that very pyramid alone."""
    places = voxels_of_tables(pyramid)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, SubMConv3d):
                setattr(parent, name, OwnMap(child, places).train(model.training))
    return model


def voxels_of_tables(pyramid: Pyramid) -> dict[int, dict[str, Any]]:
    """What spconv is told of the level of each neighbour table, by the table's id."""
    places = {}
    for level in pyramid.levels:
        voxels = {
            "indices": torch.cat([level.batch[:, None], level.grid_coord], dim=1).int().contiguous(),
            "spatial_shape": (level.grid_coord.amax(0) + MARGIN).tolist(),
            "batch_size": int(level.batch[-1]) + 1,
        }
        places |= {id(table): voxels for table in level.neighbors.values()}
    return places
