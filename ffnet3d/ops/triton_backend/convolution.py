"""The dense convolution: output tiles over rows sorted by mask, or products of pairs grouped by offset.

The masked form writes each tile of the output once, with bias and activation in its last pass. At the coarse
levels few tiles would each walk through many offsets and channels, one after another, while most processors
of the GPU idle, and half of what they multiply would be missing neighbours. There the grouped form gives each
tile of pairs of one offset a program of its own; it writes the products of all pairs in float32, and a second
kernel adds those of each row in the order of the offsets. Both forms are deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
from torch import Tensor

from ffnet3d.ops.triton_backend import kernels
from ffnet3d.ops.triton_backend.configs import Config, tile
from ffnet3d.ops.triton_backend.launch import check_tensor, compile_options, input_precision, make_problem
from ffnet3d.ops.triton_backend.tables import mask_order, pairs_of
from ffnet3d.ops.triton_backend.tuning import choose

SUMMED_ROWS = 16  # and
SUMMED_CHANNELS = 64  # at most: the tile of the grouped form's second kernel, which only moves memory


def convolve(
    features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str
) -> Tensor:
    """features [N, Cin], weight [K, Cin, Cout], bias [Cout] or None, neighbors [N, K] -> [N, Cout]."""
    return _run("forward", features, weight, bias, neighbors, activation)


def input_gradient(grad: Tensor, weight: Tensor, neighbors: Tensor) -> Tensor:
    """grad [N, Cout] of the output -> [N, Cin] of the features.

    On a symmetric table it is the same convolution, the kernel mirrored and its matrices transposed: the
    weight is read in another order, and not copied.
    """
    return _run("input gradient", grad, weight.transpose(1, 2), None, neighbors, "none")


def _run(
    kind: str, features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str
) -> Tensor:
    check_tensor(features)
    out = features.new_empty(len(features), weight.shape[2])
    if out.numel() == 0:
        return out
    problem = make_problem(kind, features, neighbors.shape[1], weight.shape[2])
    launch = _Launch(
        features.contiguous(),
        weight,
        None if bias is None else bias.contiguous(),
        neighbors,
        out,
        activation,
        mirrored=kind == "input gradient",
        precision=input_precision(problem),
    )
    with torch.cuda.device_of(features):
        launch(choose(problem, launch))
    return out


@dataclass(frozen=True)
class _Launch:
    """One convolution, to be run into `out` with any config."""

    features: Tensor
    weight: Tensor
    bias: Tensor | None
    neighbors: Tensor
    out: Tensor
    activation: str
    mirrored: bool
    precision: str

    def __call__(self, config: Config) -> None:
        if config.form == "grouped":
            self._grouped(config)
        else:
            self._masked(config)

    def _masked(self, config: Config) -> None:
        rows = mask_order(self.neighbors)
        tile_offsets, tile_counts = rows.tiles(config.rows)
        (count, cin), cout = self.features.shape, self.out.shape[1]
        kernels.masked_convolution[(len(tile_counts), triton.cdiv(cout, config.channels_out))](
            *(self.features, self.weight, self.bias, self.out),
            *(rows.order, rows.columns, tile_offsets, tile_counts),
            *(count, cin, cout, *self.weight.stride()),
            ACTIVATION=self.activation,
            **self._constants(config),
        )

    def _grouped(self, config: Config) -> None:
        pairs = pairs_of(self.neighbors)
        tile_offsets, tile_starts = pairs.tiles(config.rows)
        (count, cin), cout = self.features.shape, self.out.shape[1]
        products = self.out.new_empty(len(pairs.sources), cout, dtype=torch.float32)
        kernels.grouped_products[(len(tile_starts), triton.cdiv(cout, config.channels_out))](
            *(self.features, self.weight, products),
            *(pairs.sources, pairs.starts, tile_offsets, tile_starts),
            *(cin, cout, *self.weight.stride()),
            **self._constants(config),
        )
        channels = tile(cout, SUMMED_CHANNELS)
        kernels.sum_products[(triton.cdiv(count, SUMMED_ROWS), triton.cdiv(cout, channels))](
            *(products, self.bias, self.out, pairs.slots, count, cout),
            OFFSETS=pairs.offsets,
            ACTIVATION=self.activation,
            BLOCK_ROWS=SUMMED_ROWS,
            BLOCK_OUT=channels,
            enable_fp_fusion=True,
        )

    def _constants(self, config: Config) -> dict[str, object]:
        return compile_options(config) | {
            "OFFSETS": self.neighbors.shape[1],
            "MIRRORED": self.mirrored,
            "PRECISION": self.precision,
            "WHOLE_IN": self.features.shape[1] % config.channels_in == 0,
            "BLOCK_ROWS": config.rows,
            "BLOCK_IN": config.channels_in,
            "BLOCK_OUT": config.channels_out,
        }
