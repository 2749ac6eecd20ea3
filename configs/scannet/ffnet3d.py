"""FFNet3D on ScanNet's 20 classes: the released recipe (paper: 76.1 mIoU on the validation scans)."""

from ffnet3d.data.classes import SCANNET20

_base_ = ["../_base_/ffnet3d.py"]

model = dict(num_classes=20)

data = dict(
    num_classes=20,
    names=SCANNET20,
    train=dict(
        type="ScanNetDataset",
        split="train",
        data_root="data/scannet",
        transform=[
            dict(type="CenterShift", apply_z=True),
            dict(type="RandomDropout", dropout_ratio=0.2, dropout_application_ratio=0.2),
            dict(type="RandomRotate", angle=[-1, 1], axis="z", center=[0, 0, 0], p=0.5),
            dict(type="RandomRotate", angle=[-1 / 64, 1 / 64], axis="x", p=0.5),
            dict(type="RandomRotate", angle=[-1 / 64, 1 / 64], axis="y", p=0.5),
            dict(type="RandomScale", scale=[0.9, 1.1]),
            dict(type="RandomFlip", p=0.5),
            dict(type="RandomJitter", sigma=0.005, clip=0.02),
            dict(type="ElasticDistortion", distortion_params=[[0.2, 0.4], [0.8, 1.6]]),
            dict(type="ChromaticAutoContrast", p=0.2, blend_factor=None),
            dict(type="ChromaticTranslation", p=0.95, ratio=0.05),
            dict(type="ChromaticJitter", p=0.95, std=0.05),
            dict(type="GridSample", grid_size=0.02, hash_type="fnv", mode="train", return_grid_coord=True),
            dict(type="SphereCrop", point_max=102400, mode="random"),
            dict(type="CenterShift", apply_z=False),
            dict(type="NormalizeColor"),
            dict(type="ToTensor"),
            dict(type="Collect", keys=("coord", "grid_coord", "segment"), feat_keys=("color", "normal")),
        ],
    ),
    val=dict(type="ScanNetDataset", split="val", data_root="data/scannet"),
    test=dict(
        type="ScanNetDataset",
        split="val",
        data_root="data/scannet",
        test_cfg=dict(
            # The 13 views of the published protocol: four rotations at three scales, a flip of both axes.
            aug_transform=[
                [
                    dict(type="RandomRotateTargetAngle", angle=[angle], axis="z", center=[0, 0, 0], p=1),
                    dict(type="RandomScale", scale=[scale, scale]),
                ]
                for scale in (1, 0.95, 1.05)
                for angle in (0, 1 / 2, 1, 3 / 2)
            ]
            + [[dict(type="RandomFlip", p=1)]],
        ),
    ),
)
