"""The small network on the built-in demo rooms: trained on four areas, tested on two unseen ones."""

from ffnet3d.data.classes import S3DIS13

_base_ = ["../_base_/tiny.py"]

model = dict(num_classes=13, backbone=dict(drop_path=0.1))

data = dict(
    num_classes=13,
    names=S3DIS13,
    train=dict(type="S3DISDataset", split=("Area_1", "Area_2", "Area_3", "Area_4"), data_root="data/demo"),
    val=dict(type="S3DISDataset", split="Area_5", data_root="data/demo"),
    test=dict(type="S3DISDataset", split=("Area_5", "Area_6"), data_root="data/demo"),
)
