"""The network that a state dict is of, told by the names and shapes in it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ffnet3d.models.network import FFNet3D
from ffnet3d.models.segmentor import DefaultSegmentorV2

HEAD = "seg_head."
BACKBONE = "backbone."
UNTOLD_KERNEL = 3  # of a network without blocks, where it does not matter


def infer_backbone(weights: Mapping[str, Tensor], spell: Callable[[str], str] = str) -> dict[str, Any]:
    """Arguments of the `FFNet3D` that has these weights; names as in its own state dict, others are ignored.

    Weights do not tell `use_gelu` and what has no part in evaluation (left out), the names of the data sets
    in `pdnorm_conditions` (numbers stand for them), and `stride` (taken as two, as released). Raises
    ValueError naming, as `spell` writes it, a tensor that is missing or has another number of axes.
    """
    shapes = _Shapes(weights, spell)
    _, in_channels, stem_channels = shapes.of("stem.conv.weight", 3)
    encoder = [shapes.of(f"pools.{level}.proj.weight", 2)[0] for level in range(shapes.count("pools.{}."))]
    decoder = [
        shapes.of(f"unpools.{level}.proj.linear.weight", 2)[0] for level in range(shapes.count("unpools.{}."))
    ]
    arguments: dict[str, Any] = {
        "in_channels": in_channels,
        "stride": (2,) * len(encoder),
        "enc_depths": tuple(
            shapes.count(f"encoder.{level}.blocks.{{}}.") for level in range(len(encoder) + 1)
        ),
        "enc_channels": (stem_channels, *encoder),
        "enc_ks": _kernel_size(shapes, "encoder"),
        "mlp_ratio": _mlp_ratio(shapes),
    }
    if decoder:
        arguments["dec_depths"] = tuple(
            shapes.count(f"decoder.{level}.blocks.{{}}.") for level in range(len(decoder))
        )
        arguments["dec_channels"] = tuple(decoder)
        arguments["dec_ks"] = _kernel_size(shapes, "decoder")
    else:
        arguments["cls_mode"] = True
    return {**arguments, **_norms_by_data_set(shapes, blocks=sum(arguments["enc_depths"]) > 0)}


def skeleton(backbone: Mapping[str, Any], num_classes: int | None) -> dict[str, Tensor]:
    """The state dict, without values (meta device), of a backbone and its head: `seg_head` beside the
    backbone's own names. ValueError naming an argument of no possible network."""
    with torch.device("meta"):
        network = FFNet3D(**backbone)
        model: nn.Module = network
        if num_classes is not None:
            model = DefaultSegmentorV2(num_classes, network.out_channels, network)
    return {name.removeprefix(BACKBONE): value for name, value in model.state_dict().items()}


class _Shapes:
    """Shapes by name, with the questions that inference asks of them."""

    def __init__(self, weights: Mapping[str, Tensor], spell: Callable[[str], str]) -> None:
        self.weights = weights
        self.spell = spell

    def of(self, name: str, dimensions: int) -> tuple[int, ...]:
        """The shape of a tensor that must be there."""
        if name not in self.weights:
            raise ValueError(f"{self.spell(name)} is missing")
        shape = tuple(self.weights[name].shape)
        if len(shape) != dimensions:
            raise ValueError(f"{self.spell(name)} has the shape {list(shape)}")
        return shape

    def has(self, start: str) -> bool:
        """Whether a name starts so."""
        return any(name.startswith(start) for name in self.weights)

    def count(self, start: str) -> int:
        """One more than the largest number that stands for {} at the start of a name."""
        before, after = start.split("{}")
        pattern = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
        return 1 + max((int(m[1]) for m in map(pattern.match, self.weights) if m), default=-1)

    def ending(self, end: str) -> Iterable[str]:
        """The names that end so."""
        return (name for name in self.weights if name.endswith(end))


def _kernel_size(shapes: _Shapes, part: str) -> int:
    """The kernel of the blocks of `part`, the encoder or the decoder."""
    for name in shapes.ending(".token_mixer.key.weight"):
        if name.startswith(part):
            offsets = shapes.of(name, 3)[0]
            return round(float(offsets ** (1 / 3)))
    return UNTOLD_KERNEL


def _mlp_ratio(shapes: _Shapes) -> float:
    """The shortest decimal number by which every block's width gives its hidden width, rounded down."""
    widths = [shapes.of(name, 2) for name in shapes.ending(".channel_mixer.fc1.weight")]
    low = max((hidden / width for hidden, width in widths), default=4.0)
    for digits in range(10):
        ratio = math.ceil(low * 10**digits) / 10**digits
        if all(int(width * ratio) == hidden for hidden, width in widths):
            return int(ratio) if digits == 0 else ratio
    return low


def _norms_by_data_set(shapes: _Shapes, blocks: bool) -> dict[str, Any]:
    """The arguments `pdnorm_*`; none of them where all norms are plain ones."""
    batch_norm = shapes.has("stem.norm.norm.") or shapes.has("stem.norm.modulation.")
    layer_norm = blocks and not any(shapes.ending(".norm1.weight"))
    if not (batch_norm or layer_norm):
        return {}
    of_blocks = (name.split(".norm1.")[0] for name in shapes.weights if ".norm1." in name)
    norm = "stem.norm." if batch_norm else f"{next(of_blocks, '')}.norm1."
    return {
        "pdnorm_bn": batch_norm,
        "pdnorm_ln": layer_norm,
        "pdnorm_decouple": shapes.has(f"{norm}norm.0."),
        "pdnorm_adaptive": shapes.has(f"{norm}modulation."),
        "pdnorm_affine": shapes.has(f"{norm}norm.0.weight") or shapes.has(f"{norm}norm.weight"),
        "pdnorm_conditions": tuple(map(str, range(max(shapes.count(f"{norm}norm.{{}}."), 1)))),
    }
