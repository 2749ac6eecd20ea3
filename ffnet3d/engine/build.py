"""The parts of a run, built from its config: network, data sets, loaders."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from ffnet3d.data.datasets import SceneDataset
from ffnet3d.data.loader import build_loader
from ffnet3d.data.registry import DATASETS
from ffnet3d.engine.custom_imports import import_custom
from ffnet3d.models import FFNet3D, build_model
from ffnet3d.models.layers import use_backend
from ffnet3d.processes import usable_cores
from ffnet3d.voxels import PyramidPlan

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from ffnet3d.engine.config import Config

logger = logging.getLogger(__name__)


def build_network(config: Config, fabric: Fabric) -> nn.Module:
    """The model of `config.model` on this process's device, its convolutions on `config.backend`."""
    import_custom(config)  # this process may not have read the config's file
    network = build_model(config.model).to(fabric.device)
    backend = use_backend(network, config.backend, fabric.device.type)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    logger.info("Model: %d parameters, %s backend on %s", parameters, backend, fabric.device)
    return network


def build_dataset(config: Config, part: str, **arguments: Any) -> SceneDataset:
    """The data set of `config.data[part]` ("train", "val" or "test"), with what all parts share."""
    data = config.data
    if part not in data:
        raise ValueError(f"the config has no data.{part}")
    shared = {"num_classes": data.num_classes, "ignore_index": data.ignore_index, "seed": config.seed}
    own = {key: value for key, value in data[part].items() if key not in arguments}
    dataset: SceneDataset = DATASETS.build({**shared, **own}, **arguments)
    return dataset


def pyramid_plan(network: nn.Module, device: torch.device) -> PyramidPlan | None:
    """The pyramid that the loading processes make for the FFNet3D in `network`; None for other networks.

    None for GPUs too: they build it from 12 bytes a point, where 900 would have to be brought to them.
    """
    if device.type != "cpu":
        return None
    configs = {module.config for module in network.modules() if isinstance(module, FFNet3D)}
    plans = [PyramidPlan(config.stride, config.kernel_sizes()) for config in configs]
    return plans[0] if len(plans) == 1 else None


def build_train_loader(config: Config, fabric: Fabric, plan: PyramidPlan | None = None) -> DataLoader:
    """Shuffled batches of data.train, each scene `epoch // eval_epoch` times an epoch.

    Worker processes add the pyramid of `plan`.

    ValueError where the number of processes does not divide the batch size, a batch needs more scenes, or no
    scene has labels.
    """
    dataset = build_dataset(config, "train", loop=config.epoch // config.eval_epoch)
    if not dataset.has_labels:
        file = f"{dataset.assets['segment']}.npy"
        raise ValueError(
            f"{dataset.data_root}: no scene of data.train has a {file}: there is nothing to learn"
        )
    return build_loader(
        dataset,
        config.batch_size,
        shuffle=True,
        # A rank without a batch would leave the others waiting: with several, every batch is whole.
        drop_last=fabric.world_size > 1 or len(dataset) > config.batch_size,
        mix_prob=config.mix_prob,
        seed=config.seed,
        plan=plan,
        **loading(config, fabric),
    )


def build_val_loader(config: Config, fabric: Fabric, plan: PyramidPlan | None = None) -> DataLoader:
    """Every scene of data.val once, over all processes together; `plan` as for training."""
    batch_size = config.batch_size_val or fabric.world_size
    dataset = build_dataset(config, "val")
    return build_loader(dataset, batch_size, seed=config.seed, plan=plan, **loading(config, fabric))


def loading(config: Config, fabric: Fabric) -> dict[str, Any]:
    """How a process loads: its share of `num_worker`, at most its cores (the data do not depend on it)."""
    workers = min(config.num_worker // fabric.world_size, usable_cores())
    return {
        "num_workers": workers,
        "rank": fabric.global_rank,
        "world_size": fabric.world_size,
        "pin_memory": fabric.device.type == "cuda",
    }
