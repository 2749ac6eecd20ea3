"""FFNet3D on ScanNet200: ScanNet's recipe with 200 classes (paper: 33.8 mIoU on the validation scans)."""

from ffnet3d.data.classes import SCANNET200

_base_ = ["../scannet/ffnet3d.py"]

model = dict(num_classes=200)

data = dict(
    num_classes=200,
    names=SCANNET200,
    train=dict(type="ScanNet200Dataset"),
    val=dict(type="ScanNet200Dataset"),
    test=dict(type="ScanNet200Dataset"),
)
