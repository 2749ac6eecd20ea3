"""What a test is asked for beside scores and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class TestOptions:
    """Flags of a test; ValueError where they contradict each other."""

    __test__: ClassVar[bool] = False  # for pytest: this is no test class

    fast: bool = False  # predict each voxel once; results go to result/fast
    compare: int = 0  # with `fast`: scenes that are tested in full as well
    fresh: bool = False  # test again what was tested before
    probabilities: bool = False  # write the mean of the votes of each point
    submit: bool = False  # write what the benchmark's server takes

    def __post_init__(self) -> None:
        if self.compare < 0:
            raise ValueError(f"--compare is a number of scenes, not {self.compare}")
        if self.compare and not self.fast:
            raise ValueError(
                "--compare goes with --fast, whose difference from the full protocol it measures"
            )
        if self.submit and self.fast:
            raise ValueError("--submit needs the full protocol: leave --fast out")
