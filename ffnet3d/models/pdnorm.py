"""Norms by data set, for training on several at once (Point Prompt Training, arXiv 2308.09718)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

CONTEXT_CHANNELS = 256  # width of the embedding of a data set, in Pointcept's PPT models

MakeNorm = Callable[[int], nn.Module]
"""Channels to a norm of features [V, C]."""

CONDITION_REMEDY = (
    "add dict(type='Update', keys_dict={'condition': 'ScanNet'}) to the transforms, with the data set's own "
    "condition, and 'condition' to Collect's keys"
)


@dataclass(frozen=True)
class Prompt:
    """What a batch says of its data set: condition, its name; context [1, 256] or [V, 256], its embedding."""

    condition: str
    context: Tensor | None = None


class PDNorm(nn.Module):
    """A norm for each condition (`decouple`), scaled and shifted by the context (`adaptive`)."""

    def __init__(
        self,
        make_norm: MakeNorm,
        channels: int,
        conditions: Sequence[str],
        decouple: bool = True,
        adaptive: bool = False,
    ) -> None:
        super().__init__()
        self.conditions = tuple(conditions)
        self.norm: nn.Module = make_norm(channels)
        if decouple:
            self.norm = nn.ModuleList(make_norm(channels) for _ in conditions)
        self.modulation = None
        if adaptive:
            self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(CONTEXT_CHANNELS, 2 * channels))

    def forward(self, features: Tensor, prompt: Prompt) -> Tensor:
        """Features [V, C] -> features [V, C]."""
        norm = self.norm
        if isinstance(norm, nn.ModuleList):
            norm = norm[self.conditions.index(prompt.condition)]
        out: Tensor = norm(features)
        if self.modulation is not None:
            shift, scale = self.modulation(prompt.context).chunk(2, dim=1)
            out = out * (1 + scale) + shift
        return out


def normalize(norm: nn.Module, features: Tensor, prompt: Prompt | None) -> Tensor:
    """Features [V, C] through a norm, which sees the prompt where it is one by data set."""
    out: Tensor = norm(features, prompt) if isinstance(norm, PDNorm) else norm(features)
    return out


def read_prompt(sample: Mapping[str, Any], conditions: Sequence[str], adaptive: bool) -> Prompt:
    """The prompt of a batch: `condition`, a name or one a scene, and `context` where the norms are adaptive.

    Raises ValueError where one of them is missing, unknown, or differs within the batch.
    """
    given = sample.get("condition")
    names = [given] if isinstance(given, str) else list(given or ())
    if not names:
        raise ValueError(f"the batch has no 'condition', which norms by data set need: {CONDITION_REMEDY}")
    if len(set(names)) > 1:
        raise ValueError(
            f"condition must be one a batch, got {', '.join(map(str, names))}: batch each data set apart"
        )
    if names[0] not in conditions:
        raise ValueError(f"unknown condition {names[0]!r}: pdnorm_conditions has {', '.join(conditions)}")
    context = sample.get("context")
    if not adaptive:
        return Prompt(names[0])
    if not isinstance(context, Tensor) or context.shape[-1:] != (CONTEXT_CHANNELS,):
        shape = list(context.shape) if isinstance(context, Tensor) else context
        raise ValueError(
            f"pdnorm_adaptive needs the batch's context [1, {CONTEXT_CHANNELS}], got {shape}: PPT-v1m1 of "
            f"Pointcept gives it (context_channels={CONTEXT_CHANNELS})"
        )
    return Prompt(names[0], context)
