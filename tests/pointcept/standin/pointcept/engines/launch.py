"""Processes that are started with the function and its config, and with nothing registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.multiprocessing as mp


def launch(main_func: Callable[..., None], processes: int, cfg: tuple[Any, ...]) -> None:
    mp.spawn(_distributed_worker, nprocs=processes, args=(main_func, cfg))


def _distributed_worker(local_rank: int, main_func: Callable[..., None], cfg: tuple[Any, ...]) -> None:
    main_func(local_rank, *cfg)
