"""Registration in the processes that Pointcept starts, one a GPU.

They begin with an empty registry, and get the config ready-made: its `custom_imports` are not imported again.
"""

from __future__ import annotations

from typing import Any

from pointcept.engines import launch

original_worker = launch._distributed_worker


def registering_worker(local_rank: int, *arguments: Any) -> None:
    """Pointcept's worker: a spawned process looks it up in this package, and so imports that first."""
    original_worker(local_rank, *arguments)


def register_in_spawned_processes() -> None:
    """Have Pointcept's launcher start `registering_worker`."""
    launch._distributed_worker = registering_worker
