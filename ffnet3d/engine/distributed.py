"""Processes and devices of a run, by Lightning Fabric.

`-g DEVICES` is the number of processes on each machine: one a GPU where CUDA is there, CPU processes that
talk by gloo otherwise (all GPUs, or one CPU process, by default; 0 = one CPU process in any case).
`-m MACHINES` is the number of machines; each starts the same command with NODE_RANK, MASTER_ADDR and
MASTER_PORT in its environment. Under torchrun, or any launcher that sets LOCAL_RANK, the processes are there
already and the environment decides.
"""

from __future__ import annotations

import atexit
import inspect
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessRaisedException

from ffnet3d.engine.errors import original_message
from ffnet3d.processes import usable_cores
from ffnet3d.registry import require

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

# A collective waits while another rank tests its last, large scene.
COLLECTIVE_TIMEOUT = timedelta(hours=3)


@dataclass(frozen=True)
class Layout:
    """Where the processes of a run live."""

    accelerator: str  # "cuda" or "cpu"
    devices: int  # processes on each machine
    machines: int
    external: bool  # a launcher has started the processes

    @property
    def world_size(self) -> int:
        """Number of processes."""
        return self.devices * self.machines


def resolve_layout(devices: int | None, machines: int) -> Layout:
    """Turn -g and -m into a layout; ValueError where the machine or the environment cannot give it."""
    if machines < 1:
        raise ValueError(f"-m (machines) must be 1 or more, not {machines}")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if "LOCAL_RANK" in os.environ:
        return external_layout(devices, gpus)
    if machines > 1:
        missing = [name for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
        if missing:
            names = ", ".join(missing)
            raise ValueError(f"-m {machines}: set {names} in the environment of each machine or use torchrun")
    accelerator, count = resolve_devices(devices, gpus)
    return Layout(accelerator, count, machines, external=False)


def resolve_devices(devices: int | None, gpus: int) -> tuple[str, int]:
    """Accelerator and processes a machine for -g DEVICES where `gpus` GPUs are visible."""
    if devices is None:
        return ("cuda", gpus) if gpus else ("cpu", 1)
    if devices < 0:
        raise ValueError(f"-g (devices on each machine) must be 0 or more, not {devices}")
    if devices == 0:
        return "cpu", 1
    if gpus == 0:
        return "cpu", devices
    if devices > gpus:
        raise ValueError(f"-g {devices}: only {gpus} GPUs are visible here (see CUDA_VISIBLE_DEVICES)")
    return "cuda", devices


def external_layout(devices: int | None, gpus: int) -> Layout:
    """Layout that the environment of torchrun (or another launcher) describes."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    if devices not in (None, local):
        raise ValueError(f"-g {devices}, but the launcher has started {local} processes here: leave -g away")
    if world % local:
        raise ValueError(f"WORLD_SIZE={world} is not a multiple of LOCAL_WORLD_SIZE={local}")
    return Layout("cuda" if gpus >= local else "cpu", local, world // local, external=True)


def build_fabric(layout: Layout, find_unused_parameters: bool = False) -> Fabric:
    """A Fabric for that layout. Precision stays torch's own: see `Precision`."""
    fabric = require("lightning_fabric", "train").Fabric
    if layout.world_size == 1 and not layout.external:
        return cast("Fabric", fabric(accelerator=layout.accelerator, devices=1, strategy="auto"))
    strategies = require("lightning_fabric.strategies", "train")
    environments = require("lightning_fabric.plugins.environments", "train")
    torchrun = environments.TorchElasticEnvironment.detect()
    environment = environments.TorchElasticEnvironment if torchrun else environments.LightningEnvironment
    # Buffers are shared before evaluations (share_buffers), not at every step; torch 2.13 renames the option.
    options = inspect.signature(nn.parallel.DistributedDataParallel).parameters
    sync_buffers = "forward_sync_buffers" if "forward_sync_buffers" in options else "broadcast_buffers"
    strategy = strategies.DDPStrategy(
        cluster_environment=environment(),
        start_method="popen" if layout.external else "spawn",
        timeout=COLLECTIVE_TIMEOUT,
        find_unused_parameters=find_unused_parameters,
        **{sync_buffers: False},
    )
    where = {"accelerator": layout.accelerator, "devices": layout.devices, "num_nodes": layout.machines}
    return cast("Fabric", fabric(strategy=strategy, **where))


def launch(
    layout: Layout, function: Callable[..., Any], *args: Any, find_unused_parameters: bool = False
) -> Any:
    """Run `function(fabric, *args)` in every process of the layout and return what rank 0 returned.

    `function`, `args` and the result travel between processes: picklable, and the result small, without
    tensors or frozen dataclasses.
    A ValueError of a started process arrives here as ValueError.
    """
    fabric = build_fabric(layout, find_unused_parameters)
    try:
        # Fabric hands all arguments on to the function, whatever its annotation says.
        return fabric.launch(run_process, layout.devices, layout.external, function, *args)  # type: ignore[arg-type]
    except ProcessRaisedException as error:
        message = original_message(str(error))
        if message is None:
            raise
        raise ValueError(message) from error


def run_process(
    fabric: Fabric, processes: int, external: bool, function: Callable[..., Any], *args: Any
) -> Any:
    """Share the machine's cores between its processes, then run `function(fabric, *args)`.

    OMP_NUM_THREADS, where the user has set it, stays.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, usable_cores() // processes))
    result = function(fabric, *args)
    if torch.distributed.is_initialized():
        fabric.barrier()
        if external:  # the launcher's store serves one group, which the next run of this process takes up
            atexit.register(close_group)
        else:
            close_group()
    return result


def close_group() -> None:
    """Part from the other processes: a gloo group that still lives when the interpreter ends aborts it."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@dataclass(frozen=True)
class Precision:
    """Autocast and gradient scaling of a run; `dtype` None is plain float32."""

    device_type: str
    dtype: torch.dtype | None

    def autocast(self) -> torch.autocast:
        """Context of a training forward pass."""
        return torch.autocast(self.device_type, dtype=self.dtype, enabled=self.dtype is not None)

    def build_scaler(self) -> torch.amp.GradScaler:
        """Scaler of the loss: it only acts in float16, and is a pass-through otherwise."""
        return torch.amp.GradScaler(self.device_type, enabled=self.dtype is torch.float16)


def choose_precision(enable_amp: bool, amp_dtype: str, device_type: str) -> Precision:
    """Precision that a config's `enable_amp` and `amp_dtype` ask for.

    float16 on a CPU becomes bfloat16, with a warning: CPUs have no fast float16, and its range needs the
    scaler. ValueError on another dtype name.
    """
    known = {"float16": torch.float16, "bfloat16": torch.bfloat16}
    if amp_dtype not in known:
        raise ValueError(f"amp_dtype={amp_dtype!r}: choose float16 or bfloat16")
    if not enable_amp:
        return Precision(device_type, None)
    if device_type == "cpu" and amp_dtype == "float16":
        logger.warning("amp_dtype float16 is not for CPUs: this run computes in bfloat16 instead")
        return Precision(device_type, torch.bfloat16)
    return Precision(device_type, known[amp_dtype])


def all_reduce(fabric: Fabric, values: Tensor, operation: str) -> Tensor:
    """`values` of all processes, reduced by "sum" or "mean"; the result lies on the CPU."""
    reduced = fabric.all_reduce(values.to(fabric.device), reduce_op=operation)
    return cast(Tensor, reduced).cpu()


@torch.no_grad()
def share_buffers(fabric: Fabric, network: nn.Module) -> None:
    """Give every process the buffers (running statistics) of rank 0, which are those a checkpoint holds."""
    if fabric.world_size > 1:
        for buffer in network.buffers():
            torch.distributed.broadcast(buffer, src=0)
