"""The variants of an ablation, as data: what each changes in the backbone of a config."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ffnet3d.models.config import FFNet3DConfig
from ffnet3d.models.presets import PRESETS
from ffnet3d.registry import nearest

if TYPE_CHECKING:
    from ffnet3d.engine.config import Config

BASE = "ffnified"
PRESET = "preset:"
COARSE = 2  # first of the coarse levels: their voxels are 4 times as wide as the finest, and wider
# Of the config's backbone, where a preset takes its place: what is of data and recipe, not of the network.
KEPT = ("type", "in_channels", "backend", "bn_momentum", "drop_path", "drop_path_per")


@dataclass(frozen=True)
class ByLevel:
    """A setting with one value on the fine levels and another on the coarse ones."""

    fine: Any
    coarse: Any
    first: int = COARSE  # of the coarse levels

    def of(self, levels: int) -> tuple[Any, ...]:
        """The values of so many levels, finest first."""
        return tuple(self.fine if level < self.first else self.coarse for level in range(levels))


@dataclass(frozen=True)
class Variant:
    """A network that differs from the config's in some backbone arguments, or is a preset."""

    name: str
    says: str  # what it changes, for a table
    changes: Mapping[str, Any] = field(default_factory=dict)  # backbone arguments; a `ByLevel` is spread out
    preset: str | None = None

    def apply(self, config: Config) -> Config:
        """A copy of `config` with this network."""
        changed = copy.deepcopy(config)
        backbone = changed.model.backbone
        if self.preset is not None:
            kept = {key: backbone[key] for key in KEPT if key in backbone}
            changed.model.backbone = {**PRESETS[self.preset], **kept}
            widths = PRESETS[self.preset].get("dec_channels", FFNet3DConfig.dec_channels)
            changed.model.backbone_out_channels = widths[0]
            return changed
        levels = len(backbone.get("enc_channels", FFNet3DConfig.enc_channels))
        for key, value in self.changes.items():
            stages = levels - 1 if key.startswith("dec_") else levels
            backbone[key] = value.of(stages) if isinstance(value, ByLevel) else value
        return changed


def depthwise(kernel: int) -> dict[str, Any]:
    """Depthwise token and channel mixers, with that kernel on the coarse levels."""
    return {"mixers": "ffnified_depthwise", "channel_mixers": "convnext_depthwise", **kernels(kernel)}


def kernels(coarse: int | str) -> dict[str, Any]:
    """That kernel on the coarse levels, 3x3x3 on the fine ones."""
    return {"enc_ks": ByLevel(3, coarse), "dec_ks": ByLevel(3, coarse)}


BRANCHES = ("small", "strips", "identity")
ON_COARSE = f"from level {COARSE} on"
DEPTHWISE = "both mixers depthwise"

VARIANTS = (
    Variant(BASE, "nothing: dense FFNified token mixer, ConvNeXt channel mixer"),
    Variant("convnext", "token mixer ConvNeXt too", {"mixers": "convnext"}),
    Variant("pooling", "token mixer pooling", {"mixers": "pooling"}),
    Variant("identity", "no token mixer", {"mixers": "identity"}),
    Variant("window-attention", "token mixer window attention", {"mixers": "window_attention"}),
    Variant(
        "hybrid",
        "window attention on levels 3 and 4, the coarsest",
        {"mixers": ByLevel("ffnified", "window_attention", first=3)},
    ),
    Variant("depthwise-3", f"{DEPTHWISE}, 3x3x3", depthwise(3)),
    Variant("depthwise-5", f"{DEPTHWISE}, 5x5x5 {ON_COARSE}", depthwise(5)),
    Variant("depthwise-7", f"{DEPTHWISE}, 7x7x7 {ON_COARSE}", depthwise(7)),
    Variant(
        "depthwise-7-branches",
        "depthwise-7 with re-parameterisation branches",
        {**depthwise(7), "branches": BRANCHES},
    ),
    Variant("strips", f"three strips of 9 in place of the cube {ON_COARSE}", kernels("cross9")),
    Variant("relu", "ReLU in place of GELU", {"activation": "relu"}),
    Variant("softmax", "softmax over channels in place of GELU", {"activation": "softmax"}),
    Variant("batch-norm", "blocks keep their batch norms alone", {"norms": "batch"}),
    Variant("layer-norm", "blocks keep their layer norms alone", {"norms": "layer"}),
)


def choose_variants(names: Sequence[str] | None) -> tuple[Variant, ...]:
    """The variants or presets of these names, in the order given; all of `VARIANTS` for None.

    Raises ValueError for a name that is neither, and for one that comes twice.
    """
    if names is None:
        return VARIANTS
    repeated = next((name for name in names if list(names).count(name) > 1), None)
    if repeated is not None or not names:
        raise ValueError(f"--variants names {repeated!r} twice" if repeated else "--variants names none")
    return tuple(find_variant(name) for name in names)


def find_variant(name: str) -> Variant:
    """The variant or preset of that name; ValueError listing those that there are."""
    preset = name.removeprefix(PRESET)
    if preset in PRESETS:
        return Variant(preset, "preset", preset=preset)
    known = {variant.name: variant for variant in VARIANTS}
    if name not in known:
        listed = f"variants: {', '.join(known)}; presets: {', '.join(PRESETS)}"
        raise ValueError(f"--variants {name}: {nearest(name, [*known, *PRESETS])} ({listed})")
    return known[name]


def list_variants() -> str:
    """A line for each variant and each preset."""
    rows = [(variant.name, variant.says) for variant in VARIANTS]
    rows += [(name, "preset, in place of the config's backbone") for name in PRESETS]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {says}" for name, says in rows)
