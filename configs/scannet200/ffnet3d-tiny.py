"""The small network on ScanNet200, for a CPU."""

from ffnet3d.data.classes import SCANNET200

_base_ = ["../_base_/tiny.py"]

model = dict(num_classes=200)

data = dict(
    num_classes=200,
    names=SCANNET200,
    train=dict(type="ScanNet200Dataset", split="train", data_root="data/scannet"),
    val=dict(type="ScanNet200Dataset", split="val", data_root="data/scannet"),
    test=dict(type="ScanNet200Dataset", split="val", data_root="data/scannet"),
)
