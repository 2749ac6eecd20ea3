"""What is derived from a table is worked out once, and forgotten with the table."""

from __future__ import annotations

import gc

import torch
from torch import Tensor

from ffnet3d.ops.derived import Derived


def test_once_for_each_table_and_again_after_a_change() -> None:
    seen: list[Tensor] = []

    def total(table: Tensor) -> int:
        seen.append(table.clone())
        return int(table.sum())

    derived = Derived(total)
    first, second = torch.ones(3), torch.ones(3)
    assert [derived(first), derived(first), derived(second)] == [3, 3, 3]
    assert len(seen) == 2
    first += 1
    assert derived(first) == 6
    with torch.inference_mode():
        assert derived(torch.ones(2)) == 2


def test_the_value_dies_with_the_table() -> None:
    derived = Derived(lambda table: table * 2)
    table = torch.ones(3)
    derived(table)
    assert len(derived.kept) == 1
    del table
    gc.collect()
    assert len(derived.kept) == 0
