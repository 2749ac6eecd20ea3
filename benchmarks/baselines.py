"""Baselines beside which a trained network must look good, on the same voxels and features as its config.

Two of them: the most frequent class of the training scans for every point, and a linear classifier
(multinomial logistic regression) on each voxel's own features, which are colour and normal. Scores count
every labelled point of the validation scans.

    python benchmarks/baselines.py -d scannet -c ffnet3d-tiny -D /data/scannet
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ffnet3d.engine.build import build_dataset
from ffnet3d.engine.config import Config, apply_data_root, load_config
from ffnet3d.engine.metrics import ConfusionMatrix, Scores


def read_voxels(config: Config, split: str) -> Iterator[dict[str, Tensor]]:
    """Each scan of a split, voxelised by the validation transform (no augmentation)."""
    dataset = build_dataset(config, split, transform=config.data.val.transform)
    for index in range(len(dataset)):
        yield dataset[index]


def fit_linear(feat: Tensor, segment: Tensor, num_classes: int, ignore_index: int) -> nn.Linear:
    """Multinomial logistic regression on standardised features [N, C], by L-BFGS to convergence."""
    model = nn.Linear(feat.shape[1], num_classes)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(feat), segment, ignore_index=ignore_index)
        loss.backward()
        return loss

    optimizer.step(closure)
    return model


def describe(name: str, scores: Scores) -> str:
    """One row of the table."""
    return f"{name:<28}{scores.allacc:>8.3f}{scores.miou:>8.3f}{scores.miou_present:>16.3f}"


def main() -> None:
    """Print both baselines of a config."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-d", "--dataset", required=True)
    parser.add_argument("-c", "--config", required=True)
    parser.add_argument("-D", "--data-root", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    config = load_config(Path("configs") / arguments.dataset / f"{arguments.config}.py")
    if arguments.data_root:
        apply_data_root(config, arguments.data_root)
    config.seed = 0
    num_classes, ignore = config.data.num_classes, config.data.ignore_index
    train = list(read_voxels(config, "train"))
    feat = torch.cat([scan["feat"] for scan in train])
    segment = torch.cat([scan["segment"] for scan in train]).long()
    mean, std = feat.mean(0), feat.std(0)
    linear = fit_linear((feat - mean) / std, segment, num_classes, ignore)
    frequent = torch.bincount(segment[segment != ignore], minlength=num_classes).argmax()
    of_majority, of_linear = ConfusionMatrix(num_classes, ignore), ConfusionMatrix(num_classes, ignore)
    for scan in read_voxels(config, "val"):
        truth = scan["origin_segment"].long()
        of_majority.update(frequent.expand_as(truth), truth)
        predicted = linear((scan["feat"] - mean) / std).argmax(1)
        of_linear.update(predicted[scan["inverse"]], truth)
    print(f"{'':<28}{'allAcc':>8}{'mIoU':>8}{'mIoU (present)':>16}")
    print(describe("most frequent class", of_majority.scores()))
    print(describe("linear on colour and normal", of_linear.scores()))


if __name__ == "__main__":
    main()
