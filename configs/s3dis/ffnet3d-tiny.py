"""The small network on S3DIS, tested on Area 5, for a CPU."""

from ffnet3d.data.classes import S3DIS13

_base_ = ["../_base_/tiny.py"]

model = dict(num_classes=13)

data = dict(
    num_classes=13,
    names=S3DIS13,
    train=dict(
        type="S3DISDataset", split=("Area_1", "Area_2", "Area_3", "Area_4", "Area_6"), data_root="data/s3dis"
    ),
    val=dict(type="S3DISDataset", split="Area_5", data_root="data/s3dis"),
    test=dict(type="S3DISDataset", split="Area_5", data_root="data/s3dis"),
)
