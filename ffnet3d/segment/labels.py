"""What a network says of the points of a scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Labels:
    """In the order of the points; in memory, or mapped from disk where a scan is too large for it.

    Args:
        label: [N] integers, the most probable class.
        confidence: [N] float32, its probability.
    """

    label: NDArray[np.integer]
    confidence: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.label)
