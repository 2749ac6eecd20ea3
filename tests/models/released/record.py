"""The authors' released code on the cases, and the recorder of `reference.npz`.

    export FFNET_ROOT=/path/to/FFNet/3d_sem_segmentation    # the release, with what it needs to be imported
    PYTHONPATH=tests:$FFNET_ROOT python -m models.released.record [--setup MODULE]

Weights, running statistics and scenes are drawn anew by name and seed (weights.py, scenes.py), so that
`reference.npz` holds checksums of them and results only.

The recorded file was made on a CPU: torch 2.13.0, numpy 2.4.6, spconv 2.3.8 (CPU build), torch-scatter 2.1.2,
release of commit f3c3e4c. As spconv's CPU build races with more than one thread, refuses a bias in
evaluation and has no backward, `--setup` named a module that mends this from outside before the release is
imported: it sums the products of offsets by index_add_, adds the bias after the convolution, and replaces
the CUDA stream that spconv's backward asks for; it also stands in for timm and torch_geometric, of which the
release uses trunc_normal_ and DropPath. Where the release runs on a GPU, no setup is needed.

One thing of the release is mended here (`renew_sparse_features`): with pdnorm_ln its norm2 has no effect.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from models.released.cases import CASES, CRITERIA, RUNS, Case, Evaluation, Training, pick_rows, project
from models.released.weights import checksum, draw_weights
from torch import nn

REFERENCE = Path(__file__).with_name("reference.npz")


def build_released(case: Case, mend: bool = True) -> nn.Module:
    """The authors' network of a case, with drawn weights: a segmentor, or the bare backbone of an encoder."""
    builder = importlib.import_module("pointcept.models").build_model
    config = importlib.import_module("pointcept.utils.config").ConfigDict
    backbone: dict[str, Any] = {"type": "ffnet", **case.arguments}
    if case.is_encoder:
        model: nn.Module = builder(config(backbone))
    else:
        model = builder(
            config(
                type="DefaultSegmentorV2",
                num_classes=case.num_classes,
                backbone_out_channels=case.arguments.get("dec_channels", (64,))[0],
                backbone=backbone,
                criteria=CRITERIA,
            )
        )
    model.load_state_dict(draw_weights(model.state_dict()), strict=True)
    if mend:
        renew_sparse_features(model)
    return model


def renew_sparse_features(model: nn.Module) -> None:
    """Hand the features of a norm2 by data set on to the convolution that follows.

    The released PDNorm renews `feat` of the point alone; the channel mixer's convolution reads
    `sparse_conv_feat`, still that of before the norm.
    """

    def renew(_module: nn.Module, _inputs: Any, point: Any) -> Any:
        point.sparse_conv_feat = point.sparse_conv_feat.replace_feature(point.feat)
        return point

    for name, module in model.named_modules():
        if name.endswith(".norm2"):
            module.register_forward_hook(renew)


@torch.no_grad()
def evaluate_released(model: nn.Module, case: Case, voxels: int) -> Evaluation:
    """Features and logits in evaluation mode."""
    batch = case.batch(voxels)
    model.eval()
    if case.is_encoder:
        point = model(batch)
        columns = (*reversed(point.grid_coord.t().tolist()), point.batch.tolist())
        return Evaluation(point.feat[torch.from_numpy(np.lexsort(columns))], None)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    hook = model.seg_head.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    model(batch)
    hook.remove()
    return Evaluation(*seen[0])


def train_released(model: nn.Module, case: Case, voxels: int, dtype: torch.dtype) -> Training:
    """Losses and gradients of one step in training mode; the losses are computed in float32.

    The statistics of the batch norms move on, so that the model is spent.
    """
    batch = case.batch(voxels, dtype)
    criteria = model.criteria
    model.criteria = lambda logits, labels: criteria(logits.float(), labels)  # Lovasz takes nothing else
    model.to(dtype).train()
    model.zero_grad()
    logits: list[torch.Tensor] = []
    hook = model.seg_head.register_forward_hook(lambda _, __, output: logits.append(output))
    loss = model(batch)["loss"]
    hook.remove()
    loss.backward()
    cross_entropy = criteria.criteria[0](logits[0].float(), batch["segment"])
    gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    return Training(torch.stack([cross_entropy, loss]).detach(), gradients)


def inputs_code(weights: Mapping[str, torch.Tensor], batch: dict[str, Any]) -> int:
    """Checksum of the weights and the scenes of a run."""
    arrays = {name: value.numpy() for name, value in batch.items() if isinstance(value, torch.Tensor)}
    arrays.update({f"model.{name}": value.numpy() for name, value in weights.items()})
    return checksum(arrays)


def record_run(model: nn.Module, case: Case, voxels: int) -> dict[str, np.ndarray]:
    """The arrays that are kept of a run."""
    code = inputs_code(model.state_dict(), case.batch(voxels))
    kept: dict[str, np.ndarray] = {"inputs": np.array(code, dtype=np.uint32)}
    for name, result in evaluate_released(model, case, voxels).tensors().items():
        kept[name] = result[pick_rows(len(result), case.rows)].numpy()
        kept[f"{name}-sums"] = result.double().sum(dim=0).numpy()
        kept[f"{name}-scale"] = result.abs().max().numpy()
    if case.records_training:
        training = train_released(model, case, voxels, torch.float64)
        gradients = dict(sorted(training.gradients.items()))
        kept["losses"] = training.losses.numpy()
        kept["norms"] = np.array([float(g.double().norm()) for g in gradients.values()])
        kept["projections"] = np.stack([project(name, g) for name, g in gradients.items()])
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description="Record reference.npz by running the released code.")
    parser.add_argument("--setup", help="module to import first")
    arguments = parser.parse_args()
    if arguments.setup:
        importlib.import_module(arguments.setup)
    kept: dict[str, np.ndarray] = {}
    for name, voxels in RUNS:
        model = build_released(CASES[name])
        run = record_run(model, CASES[name], voxels)
        kept.update({f"{name}/{voxels}/{key}": value for key, value in run.items()})
    np.savez_compressed(REFERENCE, **kept)


if __name__ == "__main__":
    main()
