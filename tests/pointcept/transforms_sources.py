"""What Pointcept's transforms make of the cases: worked out by a checkout, or as recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from .transforms_batches import BATCHES, Batch
from .transforms_cases import Case, cases
from .transforms_checkout import Checkout
from .transforms_clouds import Sample
from .transforms_facts import Facts, described, outcome, statistics

RECORDED = Path(__file__).with_name("transforms.npz")


class Source(Protocol):
    """Facts about a case under fixed draws, about its distribution, and about a batch."""

    def fixed(self, case: Case, seed: int) -> Facts: ...

    def spread(self, case: Case) -> Facts: ...

    def batch(self, batch: Batch) -> Facts: ...

    def our_case(self, case: Case) -> Case:
        """The case as our transforms are to be given it."""
        ...


@dataclass(frozen=True)
class Live:
    """Facts from Pointcept's code."""

    checkout: Checkout

    def fixed(self, case: Case, seed: int) -> Facts:
        return outcome(case, self.checkout.run, seed)

    def spread(self, case: Case) -> Facts:
        return described(statistics(case, self.checkout.run))

    def batch(self, batch: Batch) -> Facts:
        return batch_facts(self.checkout.collate(batch.samples(), batch.mix_prob, batch.draw))

    def our_case(self, case: Case) -> Case:
        """Before 1.6 NormalizeColor meant -1..1, which ours is told to."""
        if not self.checkout.before_1_6:
            return case
        transforms = [
            {**config, "symmetric": True} if config["type"] == "NormalizeColor" else config
            for config in case.transforms
        ]
        return replace(case, transforms=transforms)


@dataclass(frozen=True)
class Recorded:
    """Facts from a file: arrays named `case/part/key`."""

    arrays: Mapping[str, np.ndarray]

    def fixed(self, case: Case, seed: int) -> Facts:
        return self._under(case.name, str(seed))

    def spread(self, case: Case) -> Facts:
        return self._under(case.name, "spread")

    def batch(self, batch: Batch) -> Facts:
        return self._under(batch.name, "batch")

    def our_case(self, case: Case) -> Case:
        return case

    def _under(self, *names: str) -> Facts:
        prefix = "/".join([*names, ""])
        facts = {key.removeprefix(prefix): self.arrays[key] for key in self.arrays if key.startswith(prefix)}
        if not facts:
            raise KeyError(f"nothing is recorded under {prefix}: run record_transforms.py")
        return facts


def recorded() -> Recorded:
    """The facts of the file beside this one."""
    with np.load(RECORDED) as file:
        return Recorded(dict(file))


def all_facts(source: Source) -> Iterator[tuple[str, np.ndarray]]:
    """Every array of every case and batch, with the name under which it is recorded."""
    for case in cases():
        parts = {str(seed): source.fixed(case, seed) for seed in case.seeds} if case.exact else {}
        if case.random:
            parts["spread"] = source.spread(case)
        for part, facts in parts.items():
            yield from ((f"{case.name}/{part}/{key}", value) for key, value in facts.items())
    for batch in BATCHES:
        yield from ((f"{batch.name}/batch/{key}", value) for key, value in source.batch(batch).items())


def batch_facts(batch: Sample) -> Facts:
    """A batch's arrays, and the type of every key."""
    arrays = {key: np.asarray(value) for key, value in batch.items()}
    types = [f"{key} {type(batch[key]).__name__} {value.dtype}" for key, value in sorted(arrays.items())]
    return {"types": np.array(types), **arrays}
