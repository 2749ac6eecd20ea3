"""The small network on ScanNet's 20 classes, for a CPU."""

from ffnet3d.data.classes import SCANNET20

_base_ = ["../_base_/tiny.py"]

mix_prob = 0.5
epoch = 120
eval_epoch = 6

model = dict(num_classes=20)

data = dict(
    num_classes=20,
    names=SCANNET20,
    train=dict(type="ScanNetDataset", split="train", data_root="data/scannet"),
    val=dict(type="ScanNetDataset", split="val", data_root="data/scannet"),
    test=dict(type="ScanNetDataset", split="val", data_root="data/scannet"),
)
