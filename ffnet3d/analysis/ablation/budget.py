"""What a training may use: a number of steps, or CPU seconds."""

from __future__ import annotations

from dataclasses import dataclass

STEPS, SECONDS = "steps", "seconds"
TICKS = 1000  # length of a schedule that follows the seconds


@dataclass(frozen=True)
class Budget:
    """`amount` optimizer steps, or seconds of a process's CPU time. ValueError where that is nothing."""

    kind: str  # STEPS or SECONDS
    amount: float

    def __post_init__(self) -> None:
        if self.kind == STEPS and (self.amount < 1 or self.amount != int(self.amount)):
            raise ValueError(f"--steps must be a whole number of 1 or more, not {self.amount:g}")
        if self.kind == SECONDS and not self.amount > 0:
            raise ValueError(f"--seconds must be above 0, not {self.amount:g}")

    def __str__(self) -> str:
        return f"{self.amount:g} {self.kind}"

    @property
    def ticks(self) -> int:
        """Length of the learning-rate schedule."""
        return int(self.amount) if self.kind == STEPS else TICKS

    def share(self, steps: int, seconds: float) -> float:
        """How much of it is used after so many steps and seconds, from 0 to 1."""
        return min(1.0, (steps if self.kind == STEPS else seconds) / self.amount)

    def tick(self, steps: int, seconds: float) -> int:
        """Where the schedule then stands, from 0 to its last tick."""
        done = steps if self.kind == STEPS else int(self.share(steps, seconds) * TICKS)
        return min(done, self.ticks - 1)
