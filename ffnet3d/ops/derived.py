"""What a backend works out from a neighbour table once, and uses in every convolution of that level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

T = TypeVar("T")


class Derived(Generic[T]):
    """Values computed from a tensor by `make`, kept as long as that very tensor lives unchanged.

    >>> pairs = Derived(find_pairs)
    >>> pairs(neighbors) is pairs(neighbors)
    True
    """

    def __init__(self, make: Callable[[Tensor], T]) -> None:
        self.make = make
        self.kept: WeakTensorKeyDictionary = WeakTensorKeyDictionary()

    def __call__(self, table: Tensor) -> T:
        """The value of `make(table)`."""
        version = table._version if not table.is_inference() else 0
        known = self.kept.get(table)
        if known is None or known[0] != version:
            known = self.kept[table] = (version, self.make(table))
        value: T = known[1]
        return value
