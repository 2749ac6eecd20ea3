"""What is compared of the results of transforms, and ours under the draws that Pointcept's code gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ffnet3d.data.registry import TRANSFORMS

from .transforms_cases import Case, Configs
from .transforms_checkout import parts
from .transforms_clouds import Sample

Facts = dict[str, np.ndarray]
Run = Callable[[Configs, Sample, int], list[Sample]]
"""Transforms in turn on a sample, all draws from a seed."""

RUNS = 1000  # seeds over which statistics are taken
ERRORS = 5  # standard errors of a difference that count as none: one chance in two million each
ROWS = ("coord", "color", "normal", "segment", "grid_coord", "index", "feat", "displacement")
NOT_COMPARED = ("index_valid_keys", "name")  # bookkeeping of Pointcept's since 1.6; never changed


class Draws:
    """The methods of a `Generator` that our transforms call, on NumPy's legacy stream of a seed.

    Pointcept's global functions draw the same numbers from that stream; and NumPy never changes it.
    """

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed)

    def random(self, size: int | None = None) -> Any:
        return self._state.random_sample(size)

    def uniform(self, low: float, high: float, size: int | None = None) -> Any:
        return self._state.uniform(low, high, size)

    def standard_normal(self, size: tuple[int, ...], dtype: type = np.float64) -> np.ndarray:
        return self._state.standard_normal(size).astype(dtype)

    def integers(self, high: int) -> int:
        return int(self._state.randint(high))

    def choice(self, items: Any, size: int | None = None, replace: bool = True) -> Any:
        return self._state.choice(items, size, replace)


def ours(configs: Configs, sample: Sample, rng: Any) -> list[Sample]:
    """The results of our transforms in turn."""
    samples = [sample]
    for config in configs:
        transform = TRANSFORMS.build(config)
        samples = [part for one in samples for part in parts(transform(one, rng))]
    return samples


def run_fixed(configs: Configs, sample: Sample, seed: int) -> list[Sample]:
    """Our transforms with the draws of Pointcept's."""
    return ours(configs, sample, Draws(seed))


def run_free(configs: Configs, sample: Sample, seed: int) -> list[Sample]:
    """Our transforms with draws of their own."""
    return ours(configs, sample, np.random.default_rng(seed))


def results(case: Case, run: Run, seed: int) -> Facts:
    """Everything that a network may see: what ToTensor makes of the results, rows in the case's order."""
    samples = run([*case.transforms, {"type": "ToTensor"}], case.sample(), seed)
    return joined([_arrays(sample) for sample in samples], case.by)


def joined(samples: list[Facts], by: str) -> Facts:
    """Samples one behind the other, the rows of all ordered by the values of the key `by`.

    `inverse`, row numbers, becomes the voxels of these rows.
    """
    for sample in samples:
        if "inverse" in sample and "grid_coord" in sample:
            sample["inverse"] = sample["grid_coord"][sample["inverse"]]
    together = {key: np.concatenate([np.atleast_1d(s[key]) for s in samples]) for key in samples[0]}
    order = np.lexsort(np.atleast_2d(together[by].T))
    return {key: value[order] if key in ROWS else value for key, value in together.items()}


def _arrays(sample: Sample) -> Facts:
    return {key: np.asarray(value) for key, value in sample.items() if key not in NOT_COMPARED}


def outcome(case: Case, run: Run, seed: int) -> Facts:
    """What a case's transforms changed in the sample, and the type of every key."""
    before, after = case.sample(), results(case, run, seed)
    kept = after if case.keys is None else {key: after[key] for key in case.keys}
    changed = {key: value for key, value in kept.items() if not _same(before.get(key), value)}
    types = [f"{key} {value.dtype} {list(value.shape)}" for key, value in sorted(kept.items())]
    return {"types": np.array(types), **changed}


def _same(before: Any, after: np.ndarray) -> bool:
    return before is not None and np.array_equal(before, after)


def assert_same(theirs: Facts, mine: Facts, tolerance: float) -> None:
    """The same keys, types and values, but for the tolerance in floating values."""
    assert theirs["types"].tolist() == mine["types"].tolist()
    assert set(theirs) == set(mine)
    for key, value in theirs.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(mine[key], value, rtol=0, atol=tolerance, err_msg=key)
        else:
            np.testing.assert_array_equal(mine[key], value, err_msg=key)


@dataclass(frozen=True)
class Statistics:
    """`values` [RUNS, S] of each result, and the share of results that hold each point, `kept` [N]."""

    values: np.ndarray
    kept: np.ndarray


def statistics(case: Case, run: Run) -> Statistics:
    """Statistics of a case over RUNS seeds."""
    before = case.sample()
    kept = np.zeros(len(before["coord"]))
    values = []
    for seed in range(RUNS):
        after = results(case, run, seed)
        values.append(summary(before, after))
        kept[np.unique(after["segment"])] += 1
    return Statistics(np.array(values), kept / RUNS)


def summary(before: Sample, after: Facts) -> np.ndarray:
    """Numbers [S] that say what became of a sample.

    They are the number of rows and, for each column of coordinates, colours, normals and features: how the
    first row, the mean and the root mean square differ from those of the points that came in.
    """
    points = after["segment"]
    numbers = [np.array([len(points)])]
    for key in ("coord", "color", "normal", "feat", "grid_coord"):
        if key in after:
            change = after[key] - (before[key][points] if key in before else 0)
            numbers += [change[0], change.mean(axis=0), np.sqrt(np.square(change).mean(axis=0))]
    return np.concatenate(numbers).astype(np.float64)


def described(found: Statistics) -> Facts:
    """Statistics in short: means, deviations, and points of the distribution functions."""
    thresholds = np.array([_thresholds(column) for column in found.values.T])
    return {
        "mean": found.values.mean(axis=0),
        "deviation": found.values.std(axis=0),
        "thresholds": thresholds,
        "below": _below(found.values, thresholds),
        "kept": found.kept,
    }


def _thresholds(values: np.ndarray, count: int = 9) -> np.ndarray:
    """Places [count] between values, well away from each: rounding must not carry a value across."""
    distinct = np.unique(values.round(4))
    if len(distinct) == 1:
        return np.full(count, distinct[0] - 1)
    gaps = np.quantile(np.arange(len(distinct) - 1), np.linspace(0, 1, count), method="nearest").astype(int)
    return (distinct[gaps] + distinct[gaps + 1]) / 2


def _below(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The shares [S, count] of the values [RUNS, S] that lie below the thresholds [S, count]."""
    return np.array([(v[:, None] < t).mean(axis=0) for v, t in zip(values.T, thresholds, strict=True)])


def assert_alike(theirs: Mapping[str, np.ndarray], mine: Statistics) -> None:
    """Means, distribution functions and shares agree within ERRORS standard errors of the difference."""
    error = np.hypot(theirs["deviation"], mine.values.std(axis=0)) / RUNS**0.5
    np.testing.assert_array_less(
        abs(mine.values.mean(axis=0) - theirs["mean"]), ERRORS * error + 2e-5, err_msg="mean"
    )
    _assert_shares(theirs["below"], _below(mine.values, theirs["thresholds"]), "distribution function")
    _assert_shares(theirs["kept"], mine.kept, "share of results that hold a point")


def _assert_shares(theirs: np.ndarray, mine: np.ndarray, what: str) -> None:
    pooled = (theirs + mine) / 2
    error = np.sqrt(pooled * (1 - pooled) * 2 / RUNS)
    np.testing.assert_array_less(abs(mine - theirs), ERRORS * error + 1e-9, err_msg=what)
