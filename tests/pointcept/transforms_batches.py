"""Scenes joined to a batch, and Mix3D, as cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .transforms_clouds import Sample


@dataclass(frozen=True)
class Batch:
    """Scenes of `sizes` points joined to a batch, where the draw that decides on Mix3D is `draw`."""

    name: str
    sizes: tuple[int, ...]
    draw: float
    mix_prob: float = 0.8
    instances: bool = False
    inverse: bool = False
    differs: str = ""

    def samples(self) -> list[Sample]:
        """New samples, as a training transform ends in them."""
        return [self._sample(number, size) for number, size in enumerate(self.sizes)]

    def _sample(self, number: int, size: int) -> Sample:
        state = np.random.RandomState(number)
        sample: Sample = {
            "coord": torch.from_numpy(state.random_sample((size, 3)).astype(np.float32)),
            "grid_coord": torch.from_numpy(state.randint(0, 9, (size, 3))).long(),
            "segment": torch.arange(size),
            "origin_segment": torch.arange(2 * size),
            "name": f"room {number}",
            "offset": torch.tensor([size]),
            "feat": torch.from_numpy(state.random_sample((size, 6)).astype(np.float32)),
        }
        if self.instances:
            sample["instance"] = torch.arange(size) - 1
        if self.inverse:
            sample["inverse"] = torch.arange(2 * size) % size
        return sample


BATCHES = [
    *[Batch(f"{count} scenes, mixed", tuple(range(3, 3 + count)), 0.5) for count in (1, 2, 3, 4, 5)],
    Batch("not mixed", (3, 4, 5), 0.9),
    Batch("a draw just below mix_prob", (3, 4), 0.8 - 1e-9),
    Batch("a draw of mix_prob", (3, 4), 0.8),
    Batch("never mixed", (3, 4), 0.0, mix_prob=0.0),
    Batch(
        "mixed instances",
        (3, 4),
        0.5,
        instances=True,
        differs="Pointcept gives the last instance of the first scene and the first of the second one number",
    ),
    Batch(
        "maps from points to rows",
        (3, 4),
        0.9,
        inverse=True,
        differs="Pointcept leaves `inverse` of the second scene pointing to rows of the first",
    ),
]
