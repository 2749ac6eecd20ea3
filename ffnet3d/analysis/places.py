"""Where coefficients arise in a network, and a look at them while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor

from ffnet3d.models import Block, FFNet3D, MetaMixer


@dataclass(frozen=True)
class Place:
    """A mixer of a block.

    Args:
        stage: "encoder" or "decoder".
        level: 0 is the finest.
        block: its number within the stage.
        mixer: "token" or "channel".
    """

    stage: str
    level: int
    block: int
    mixer: str

    @property
    def stage_name(self) -> str:
        """Such as `encoder 2`."""
        return f"{self.stage} {self.level}"

    @property
    def slug(self) -> str:
        """For file names, such as `encoder2-block0-token`."""
        return f"{self.stage}{self.level}-block{self.block}-{self.mixer}"

    def __str__(self) -> str:
        return f"{self.stage_name}, block {self.block}, {self.mixer} mixer"


See: TypeAlias = "Callable[[Place, Tensor], None]"
"""Gets a place and its coefficients [V, keys]."""


def mixers_of(backbone: FFNet3D) -> dict[Place, MetaMixer]:
    """The mixers whose keys are weights, so that every voxel has a coefficient for each, in network order."""
    return {place: mixer for place, mixer in all_mixers(backbone).items() if mixer.static_keys}


def all_mixers(backbone: FFNet3D) -> dict[Place, MetaMixer]:
    """Every mixer of the blocks, in network order."""
    encoder = [("encoder", level, stage) for level, stage in enumerate(backbone.encoder)]
    decoder = [("decoder", level, stage) for level, stage in enumerate(backbone.decoder)]
    return {
        Place(name, level, number, kind): mixer
        for name, level, stage in (*encoder, *reversed(decoder))
        for number, block in enumerate(cast("Iterable[Block]", stage.blocks))
        for kind, mixer in (("token", block.token_mixer), ("channel", block.channel_mixer))
    }


@contextmanager
def watch(mixers: Mapping[Place, MetaMixer], see: See) -> Iterator[None]:
    """Meanwhile, `see` gets the coefficients of each of the mixers whenever the network runs.

    They are worked out beside the network's own pass, which some mixers do without holding them at once.
    """
    handles = [mixer.register_forward_pre_hook(partial(_show, see, place)) for place, mixer in mixers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _show(see: See, place: Place, mixer: MetaMixer, inputs: tuple[Any, ...]) -> None:
    features, level = inputs
    see(place, mixer.coefficients(features, level))
