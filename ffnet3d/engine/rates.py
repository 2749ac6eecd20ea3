"""Where a learning-rate schedule stands, taken down and set again."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


@dataclass(frozen=True)
class Rates:
    """State of a schedule, and the settings (rate, momentum, decay) that its parameter groups have then."""

    scheduler: dict[str, Any]
    groups: list[dict[str, Any]]

    @classmethod
    def of(cls, optimizer: Optimizer, scheduler: LRScheduler) -> Rates:
        """A copy of how they stand now."""
        groups = [
            {name: value for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ]
        return cls(copy.deepcopy(scheduler.state_dict()), copy.deepcopy(groups))

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """The optimizer's state, as for a checkpoint, with these settings in place of its present ones."""
        state = optimizer.state_dict()
        groups = zip(state["param_groups"], self.groups, strict=True)
        return {**state, "param_groups": [{**group, **settings} for group, settings in groups]}

    def apply(self, optimizer: Optimizer, scheduler: LRScheduler) -> None:
        """Go on from here."""
        scheduler.load_state_dict(copy.deepcopy(self.scheduler))
        for group, settings in zip(optimizer.param_groups, self.groups, strict=True):
            group.update(copy.deepcopy(settings))
