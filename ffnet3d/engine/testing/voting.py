"""Labels by vote: the class probabilities of all views and fragments of a scene, summed at each point."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ffnet3d.data.fragment_stream import SceneFacts, StreamedPart
from ffnet3d.data.fragments import Fragment
from ffnet3d.engine.evaluate import to_device
from ffnet3d.voxels import Pyramid, PyramidPlan, offset2batch

SAME = ("offset", "grid_coord")  # what a pyramid follows from


@dataclass(frozen=True, eq=False)
class Votes:
    """The votes of a scene: float32 [num_points, C], softmax probabilities summed over its fragments."""

    scene: int  # its number in the data set
    facts: SceneFacts
    sums: Tensor
    seconds: float  # that they took

    def labels(self) -> np.ndarray:
        """The class with the most votes of every point on disk, int64 [N]."""
        labels: np.ndarray = self.sums.argmax(1).cpu().numpy()
        return labels if self.facts.inverse is None else labels[self.facts.inverse]

    def probabilities(self, points: slice) -> np.ndarray:
        """The mean of the votes of some points on disk, float16 [P, C]."""
        rows = self.sums if self.facts.inverse is None else self.sums[self.facts.inverse[points]]
        rows = rows[points] if self.facts.inverse is None else rows
        mean: np.ndarray = (rows / rows.sum(1, keepdim=True)).half().cpu().numpy()
        return mean


class SharedPyramid:
    """Gives a fragment the pyramid of the one before where both lie in the same voxels, as in a view."""

    def __init__(self, plan: PyramidPlan | None) -> None:
        self.plan = plan
        self._known: dict[str, Any] = {}  # keys SAME, and "pyramid"

    def complete(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """`inputs` with their pyramid; without a plan, or voxels to make one of, as they are."""
        if self.plan is None or not set(SAME) <= set(inputs):
            return inputs
        if not self._serves(inputs):
            self._known = {}  # not two at a time
            self._known = {key: inputs[key] for key in SAME}
            self._known["pyramid"] = inputs.get("pyramid") or self._build(self.plan, inputs)
        return {**inputs, "pyramid": self._known["pyramid"]}

    def _serves(self, inputs: dict[str, Any]) -> bool:
        return bool(self._known) and all(torch.equal(self._known[key], inputs[key]) for key in SAME)

    @staticmethod
    def _build(plan: PyramidPlan, inputs: dict[str, Any]) -> Pyramid:
        return plan.build(inputs["grid_coord"], offset2batch(inputs["offset"]))


@torch.no_grad()
def vote(
    network: nn.Module,
    parts: Iterable[StreamedPart],
    num_classes: int,
    device: torch.device,
    plan: PyramidPlan | None = None,
) -> Iterator[Votes]:
    """The votes of one scene after the other of a stream; the network is in evaluation mode.

    One scene is in memory at a time, and one of its fragments. `plan`: of the pyramid that the network wants.
    """
    geometry, start = SharedPyramid(plan), time.perf_counter()
    for part in parts:
        if part.facts is not None:
            facts = part.facts
            sums = torch.zeros(facts.num_points, num_classes, device=device)
        for fragment in part.fragments:
            add_votes(sums, network, fragment, geometry)
        if part.is_last:
            votes = Votes(part.scene, facts, sums, time.perf_counter() - start)
            del facts, sums
            yield votes
            del votes
            start = time.perf_counter()


def add_votes(sums: Tensor, network: nn.Module, fragment: Fragment, geometry: SharedPyramid) -> None:
    """Add the probabilities of a fragment's points to their rows of `sums`."""
    inputs = geometry.complete(to_device(fragment.inputs, sums.device))
    logits = network(inputs)["seg_logits"]
    sums.index_add_(0, fragment.index.to(sums.device), logits.float().softmax(1))
