"""From samples to batches: which samples each step takes, how they are joined, and Mix3D."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from ffnet3d.data.datasets import SampleKey, SceneDataset
from ffnet3d.data.registry import Sample
from ffnet3d.voxels import PyramidPlan, offset2batch


def collate(
    samples: Sequence[Sample], mix_prob: float = 0.0, plan: PyramidPlan | None = None
) -> dict[str, Any]:
    """Join samples into one batch: the points of all scenes in turn, `offset` [B] their cumulative counts.

    Arrays are concatenated, every `*offset` is accumulated, `inverse` is shifted to rows of the batch,
    strings become lists. With probability `mix_prob` (decided by the first sample's `mix_draw`) scenes are
    overlaid in pairs, Mix3D (Nekrasov et al., 3DV 2021): two neighbours in the batch become one scene.
    With a `plan` the batch's geometry is worked out too, under the key `pyramid`.
    ValueError where samples have different keys, or no `offset` (the transform lacks Collect).
    """
    mix_draw = samples[0].get("mix_draw")
    if mix_prob > 0 and mix_draw is None:
        raise ValueError(f"mix_prob={mix_prob} is for training samples, which carry 'mix_draw'; these do not")
    samples = [{key: value for key, value in sample.items() if key != "mix_draw"} for sample in samples]
    keys = list(samples[0])
    for sample in samples:
        if set(sample) != set(keys):
            raise ValueError(f"samples of one batch have different keys: {sorted(keys)} and {sorted(sample)}")
    if "offset" not in keys:
        raise ValueError(f"a sample without 'offset' ({sorted(keys)}): end its transform with Collect")
    batch = {key: _join(key, [sample[key] for sample in samples]) for key in keys}
    if "inverse" in batch:
        batch["inverse"] = _shifted([s["inverse"] for s in samples], [int(s["offset"][-1]) for s in samples])
    if mix_draw is not None and mix_draw < mix_prob:
        mix_scenes(batch)
    if plan is not None and "grid_coord" in batch:
        batch["pyramid"] = plan.build(batch["grid_coord"], offset2batch(batch["offset"]))
    return batch


def mix_scenes(batch: dict[str, Any]) -> None:
    """Mix3D in place: every second boundary of each `*offset` goes: scenes 0 and 1, 2 and 3, ... become one.

    An odd last scene stays alone. Instance numbers of the second of a pair are moved past the first's.
    """
    if "instance" in batch:
        bounds = [0, *batch["offset"].tolist()]
        for first in range(0, len(bounds) - 2, 2):
            start, middle, end = bounds[first : first + 3]
            second = batch["instance"][middle:end]
            second[second >= 0] += int(batch["instance"][start:middle].max()) + 1
    for key in [key for key in batch if key.endswith("offset")]:
        batch[key] = torch.cat([batch[key][1:-1:2], batch[key][-1:]])


class EpochBatchSampler(Sampler[list[SampleKey]]):
    """Batches of one epoch, the same on every rank, of which each rank yields its share.

    `batch_size` counts all ranks together and is divided evenly among them. The order depends on (seed,
    epoch) alone. Set `epoch` before each pass; set `start_batch` to skip batches already done (resuming
    within an epoch). Without `drop_last` the last batch may be smaller, and leave some ranks without one:
    only for loops that do not communicate at each step.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if batch_size < 1 or batch_size % world_size:
            raise ValueError(
                f"batch_size={batch_size} counts all processes together: it needs a positive multiple of "
                f"their number, {world_size}"
            )
        if drop_last and num_samples < batch_size:
            raise ValueError(
                f"{num_samples} samples an epoch do not fill one batch of batch_size={batch_size}: "
                "lower batch_size, or raise loop (epoch / eval_epoch)"
            )
        self.num_samples, self.batch_size, self.seed = num_samples, batch_size, seed
        self.shuffle, self.drop_last = shuffle, drop_last
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        self.start_batch = 0

    def __len__(self) -> int:
        """Batches of a whole epoch, whatever `start_batch`."""
        full, rest = divmod(self.num_samples, self.batch_size)
        return full + (0 if self.drop_last else int(rest > self.rank * (self.batch_size // self.world_size)))

    def __iter__(self) -> Iterator[list[SampleKey]]:
        order = self._order()
        share = self.batch_size // self.world_size
        for batch in range(self.start_batch, len(self)):
            first = batch * self.batch_size + self.rank * share
            last = min(first + share, (batch + 1) * self.batch_size)
            yield [SampleKey(self.epoch, int(index)) for index in order[first:last]]

    def _order(self) -> np.ndarray:
        """This epoch's order; num_samples in the seed keeps it apart from every sample's own draws."""
        if not self.shuffle:
            return np.arange(self.num_samples)
        return np.random.default_rng((self.seed, self.epoch, self.num_samples)).permutation(self.num_samples)


def build_loader(
    dataset: SceneDataset,
    batch_size: int,
    *,
    shuffle: bool = False,
    drop_last: bool = False,
    mix_prob: float = 0.0,
    num_workers: int = 0,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
    plan: PyramidPlan | None = None,
) -> DataLoader:
    """Batches of a data set; `loader.batch_sampler` is the EpochBatchSampler whose `epoch` the caller sets.

    `num_workers` is for this process. What a batch holds does not depend on it, but for `pyramid`: worker
    processes add the one of `plan`, while this process leaves it to the network, which takes as long.
    """
    sampler = EpochBatchSampler(len(dataset), batch_size, seed, shuffle, drop_last, rank, world_size)
    if num_workers == 0:
        plan = None
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=num_workers,
        # A pyramid takes about 900 bytes a point, so that fewer batches should wait.
        prefetch_factor=1 if plan is not None else None,
        collate_fn=partial(collate, mix_prob=mix_prob, plan=plan),
        worker_init_fn=worker_init,
        persistent_workers=num_workers > 0,
        pin_memory=pin_memory,
        generator=torch.Generator(),
    )


def worker_init(worker: int) -> None:  # noqa: ARG001
    """Keep a worker process, its geometry too, to one thread: the cores belong to the network."""
    torch.set_num_threads(1)


def _join(key: str, values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, str | Mapping):
        return values
    if isinstance(first, bool | int | float | np.number):
        return torch.tensor(values)
    tensors = [torch.as_tensor(value) for value in values]
    if key.endswith("offset"):
        counts = [tensor.diff(prepend=tensor.new_zeros(1)) for tensor in tensors]
        return torch.cat(counts).cumsum(0)
    return torch.cat(tensors) if tensors[0].ndim else torch.stack(tensors)


def _shifted(inverses: list[Any], counts: list[int]) -> torch.Tensor:
    """Each sample's point -> row map, moved to the rows of the batch."""
    starts = np.cumsum([0, *counts[:-1]]).tolist()
    return torch.cat(
        [torch.as_tensor(inverse) + start for inverse, start in zip(inverses, starts, strict=True)]
    )
