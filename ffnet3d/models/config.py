"""What makes one FFNet3D differ from another; the defaults are the released network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any

from ffnet3d.models.branches import BRANCHES, MERGED
from ffnet3d.models.layers import ACTIVATIONS
from ffnet3d.models.mixers import MIXERS
from ffnet3d.registry import nearest
from ffnet3d.voxels.kernels import Kernel, check_kernel
from ffnet3d.voxels.orders import ORDERS

STEM_KERNEL = 5
NORMS = ("both", "batch", "layer")
KNOWN_ORDERS = (*ORDERS, "z_trans")  # the last is misspelt in the released default

Kernels = Kernel | tuple[Kernel, ...]
Names = str | tuple[str, ...]


@dataclass(frozen=True)
class FFNet3DConfig:
    """Arguments of `FFNet3D`, under the names of the authors' configs. Raises ValueError naming a bad one."""

    in_channels: int = 6  # width of feat: colour and normal
    order: str | Sequence[str] = "z"  # accepted; one serialization serves, and it does not change the result
    stride: tuple[int, ...] = (2, 2, 2, 2)  # cell size of a level over that of the finer one: powers of two
    enc_depths: tuple[int, ...] = (2, 2, 2, 6, 2)  # blocks of each encoder stage, finest first
    enc_channels: tuple[int, ...] = (32, 64, 128, 256, 512)
    dec_depths: tuple[int, ...] = (2, 2, 2, 2)  # blocks of each decoder stage, finest first
    dec_channels: tuple[int, ...] = (64, 64, 128, 256)  # the first is the width of the output
    enc_ks: Kernels = 3  # kernel of the encoder's blocks: 3, "9x1x1", "cross9"; or one for each stage
    dec_ks: Kernels = 3  # kernel of the decoder's blocks, likewise
    mixers: Names = "ffnified"  # token mixer, of MIXERS; or one for each level: its decoder stage has it too
    channel_mixers: Names = "convnext"  # channel mixer, likewise
    mlp_ratio: float = 4  # hidden width of the channel mixer over its width
    proj_drop: float = 0.0  # dropout in the channel mixer
    drop_path: float = 0.3  # largest rate of stochastic depth, reached by the deepest blocks
    drop_path_per: str = "point"  # "point" (as released) or "scene"
    use_gelu: bool = True  # False: ReLU in the blocks (released S3DIS recipe); GELU elsewhere in either case
    activation: str | None = (
        None  # in the blocks: "gelu", "relu", "softmax" over keys; None: as use_gelu says
    )
    norms: str = "both"  # that blocks keep: "both", "batch" (inside the mixers), "layer" (before them)
    layer_scale: float = 0.0  # first factor of each branch, learned by channel; 0: branches are not scaled
    branches: tuple[str, ...] = ()  # beside each kernel in training: "small", "strips", "identity"; see merge
    window: int = 128  # voxels in a window of window_attention
    bn_momentum: float = 0.01  # of running statistics; raise it where a run has few steps
    shuffle_orders: bool = True  # accepted; see order
    recompute: bool = False  # less memory, more time: branches are worked out again in backward
    backend: str = "auto"  # of the convolutions, see ffnet3d.ops
    cls_mode: bool = False  # encoder only, for whole clouds: the output is each scene's mean
    pdnorm_bn: bool = False  # batch norms by data set, outside the blocks (inside they stay, as released)
    pdnorm_ln: bool = False  # layer norms by data set
    pdnorm_decouple: bool = True  # a norm for each condition
    pdnorm_adaptive: bool = False  # norms scaled and shifted by the batch's context
    pdnorm_affine: bool = True  # weight and bias in the norms by data set
    pdnorm_conditions: tuple[str, ...] = ("ScanNet", "S3DIS", "Structured3D")

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        object.__setattr__(self, "branches", _each(self.branches))
        self._check_lengths()
        self._check_values()
        self._check_blocks()

    @property
    def out_channels(self) -> int:
        """Width of the output: the finest decoder stage's, in `cls_mode` the coarsest encoder stage's."""
        return self.enc_channels[-1] if self.cls_mode else self.dec_channels[0]

    @property
    def has_prompt(self) -> bool:
        """Whether batches must name their condition."""
        return self.pdnorm_bn or self.pdnorm_ln

    def _check_lengths(self) -> None:
        decoder = () if self.cls_mode else ("dec_depths", "dec_channels")
        for name in ("enc_channels", "enc_depths", *decoder, "stride"):
            value = getattr(self, name)
            if not isinstance(value, tuple):
                raise ValueError(f"{name} must be a tuple, one entry a stage, got {value!r}")
            if not all(isinstance(entry, int) for entry in value):
                raise ValueError(f"{name} must hold whole numbers, got {value}")
        stages = len(self.enc_channels)
        expected = {"enc_depths": stages}
        expected |= dict.fromkeys(("stride", *decoder), stages - 1)
        for name, length in expected.items():
            value = getattr(self, name)
            if len(value) != length:
                beside = f"beside enc_channels={self.enc_channels}"
                raise ValueError(f"{name} must have {length} entries {beside}, got {value}")
        if stages < 2:
            raise ValueError(f"enc_channels needs two stages or more, got {self.enc_channels}")

    def _check_values(self) -> None:
        for order in [self.order] if isinstance(self.order, str) else self.order:
            if order not in KNOWN_ORDERS:
                raise ValueError(f"unknown order {order!r}, known: {', '.join(ORDERS)}")
        if isinstance(self.pdnorm_conditions, str) or not self.pdnorm_conditions:
            raise ValueError(f"pdnorm_conditions must be a tuple of names, got {self.pdnorm_conditions!r}")
        if not 0 < self.bn_momentum <= 1:
            raise ValueError(f"bn_momentum must be in (0, 1], got {self.bn_momentum}")
        if not isinstance(self.in_channels, int):
            raise ValueError(f"in_channels must be one whole number, got {self.in_channels!r}")
        if not self.mlp_ratio > 0:
            raise ValueError(f"mlp_ratio must be above 0, got {self.mlp_ratio}")
        for name in ("enc_channels",) if self.cls_mode else ("enc_channels", "dec_channels"):
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.in_channels < 1:
            raise ValueError(f"in_channels must be positive, got {self.in_channels}")
        if any(step < 1 or step & (step - 1) for step in self.stride):
            raise ValueError(f"stride must hold powers of two (1, 2, 4, ...), got {self.stride}")
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path must be in [0, 1), got {self.drop_path}")

    def _check_blocks(self) -> None:
        stages = len(self.enc_channels)
        lengths = {"enc_ks": stages, "mixers": stages, "channel_mixers": stages}
        if not self.cls_mode:
            lengths["dec_ks"] = stages - 1
        for name, length in lengths.items():
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != length:
                raise ValueError(f"{name} must be one, or have {length} entries, one a stage; got {value}")
        for name in ("enc_ks", "dec_ks"):
            for kernel in _each(getattr(self, name)):
                _check_kernel(name, kernel)
        for branch in self.branches if self.branches != (MERGED,) else ():
            _check_choice("branches", branch, BRANCHES)
        if self.branches and self.norms == "layer":
            raise ValueError("branches have batch norms of their own: norms must be 'both' or 'batch'")
        for name in (*_each(self.mixers), *_each(self.channel_mixers)):
            MIXERS.get(name)
        _check_choice("activation", self.block_activation, ACTIVATIONS)
        _check_choice("norms", self.norms, NORMS)
        if self.pdnorm_ln and self.norms == "batch":
            raise ValueError("norms='batch' leaves the blocks no layer norms: pdnorm_ln must be False")
        if not self.layer_scale >= 0:
            raise ValueError(f"layer_scale must be 0 or above, got {self.layer_scale}")
        if self.window < 2:
            raise ValueError(f"window must be 2 voxels or more, got {self.window}")

    @property
    def block_activation(self) -> str:
        """The activation inside the blocks, a name of `ACTIVATIONS`."""
        return self.activation or ("gelu" if self.use_gelu else "relu")

    def of_stage(self, name: str, level: int) -> Any:
        """What the argument `name` ("enc_ks", "mixers", ...) is in the stage of a level."""
        value = getattr(self, name)
        return value[level] if isinstance(value, tuple) else value

    def kernel_sizes(self) -> tuple[set[Kernel], ...]:
        """Kernels that each level's neighbour tables must serve, finest first."""
        last = len(self.enc_channels) - 1
        decoded = 0 if self.cls_mode else last
        sizes = [{self.of_stage("enc_ks", depth)} for depth in range(last + 1)]
        for depth in range(decoded):
            sizes[depth].add(self.of_stage("dec_ks", depth))
        sizes[0].add(STEM_KERNEL)
        return tuple(sizes)

    def encoder_drop_path(self) -> list[list[float]]:
        """Stochastic depth of each encoder block, by stage: it grows evenly with depth."""
        return _by_stage(_linspace(self.drop_path, sum(self.enc_depths)), self.enc_depths)

    def decoder_drop_path(self) -> list[list[float]]:
        """The same for the decoder, finest stage first: it falls evenly in the order of execution."""
        rates = _by_stage(_linspace(self.drop_path, sum(self.dec_depths)), self.dec_depths)
        return [stage[::-1] for stage in rates]


def _each(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _check_kernel(name: str, kernel: Kernel) -> None:
    try:
        check_kernel(kernel)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _check_choice(name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}: {nearest(value, known)}")


def _linspace(end: float, count: int) -> list[float]:
    return [end * i / max(count - 1, 1) for i in range(count)]


def _by_stage(rates: list[float], depths: Sequence[int]) -> list[list[float]]:
    ends = list(accumulate(depths))
    return [rates[end - depth : end] for depth, end in zip(depths, ends, strict=True)]
