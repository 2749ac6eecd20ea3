"""Processes that are started with the function and its config, and with nothing registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.multiprocessing as mp


def launch(
    main_func: Callable[..., None],
    num_gpus_per_machine: int,
    num_machines: int = 1,
    machine_rank: int = 0,
    dist_url: str | None = None,
    cfg: tuple[Any, ...] = (),
) -> None:
    if num_gpus_per_machine * num_machines == 1:
        main_func(*cfg)
        return
    mp.spawn(_distributed_worker, nprocs=num_gpus_per_machine, args=(main_func, machine_rank, dist_url, cfg))


def _distributed_worker(
    local_rank: int,
    main_func: Callable[..., None],
    machine_rank: int,  # noqa: ARG001
    dist_url: str,  # noqa: ARG001
    cfg: tuple[Any, ...],
) -> None:
    main_func(*cfg[:-1], f"{cfg[-1]}{local_rank}")
