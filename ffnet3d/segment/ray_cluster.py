"""A connection to Ray, and the cores that are to be had there."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ffnet3d.processes import usable_cores
from ffnet3d.registry import require

OBJECT_STORE = 100 * 2**20
"""Bytes of shared memory of a Ray of our own: only paths and messages pass through it."""

LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on any system: listen to this machine only
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Environment of a Ray of our own; read when Ray is imported."""


@contextmanager
def joined(address: str | None) -> Iterator[Any]:
    """The module `ray`, joined to the cluster at `address` (`auto`, `host:6379`).

    None: to a Ray of this process's cores, which ends with the context, and which no other machine can reach
    (unless Ray was imported before). A connection that is there already is used, and stays. ImportError
    without Ray, ConnectionError where the address leads to none.
    """
    if address is None:
        os.environ.update({name: value for name, value in LOCAL.items() if name not in os.environ})
    ray = require("ray", "ray")
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is not None:
        ray.init(address=address, **quiet)
    else:
        cores = usable_cores()
        ray.init(num_cpus=cores, include_dashboard=False, object_store_memory=OBJECT_STORE, **quiet)
    try:
        yield ray
    finally:
        ray.shutdown()


def core_share(cores: Sequence[int], workers: int) -> int:
    """The most cores that each of `workers` can have on machines of `cores`; ValueError for none."""
    shares = range(max(cores, default=0), 0, -1)
    share = next((one for one in shares if sum(count // one for count in cores) >= workers), None)
    if workers < 1 or share is None:
        raise ValueError(f"workers must be from 1 to the number of cores, {sum(cores)}, got {workers}")
    return share
