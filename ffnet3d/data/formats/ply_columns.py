"""Values of a PLY element, property by property."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """Lists of different lengths: list i is `values[starts[i]:starts[i + 1]]`; values [M], starts [N + 1]."""

    values: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        start, stop = self.starts[row : row + 2]
        return self.values[start:stop]


Columns: TypeAlias = "dict[str, np.ndarray | Ragged]"


def join_lists(values: np.ndarray, lengths: np.ndarray) -> np.ndarray | Ragged:
    """Lists that lie one after another: [N, k] where all hold k values, else `Ragged`."""
    if len(lengths) and (lengths == lengths[0]).all():
        return values.reshape(len(lengths), int(lengths[0]))
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))
