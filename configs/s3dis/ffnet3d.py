"""FFNet3D on S3DIS, tested on Area 5: the released recipe (paper: 72.6 mIoU; ReLU in the blocks)."""

from ffnet3d.data.classes import S3DIS13

_base_ = ["../_base_/ffnet3d.py"]

model = dict(num_classes=13, backbone=dict(use_gelu=False))

epoch = 3000
eval_epoch = 1500

data = dict(
    num_classes=13,
    names=S3DIS13,
    train=dict(
        type="S3DISDataset",
        split=("Area_1", "Area_2", "Area_3", "Area_4", "Area_6"),
        data_root="data/s3dis",
        transform=[
            dict(type="CenterShift", apply_z=True),
            dict(type="RandomDropout", dropout_ratio=0.2, dropout_application_ratio=0.2),
            dict(type="RandomRotate", angle=[-1, 1], axis="z", center=[0, 0, 0], p=0.5),
            dict(type="RandomRotate", angle=[-1 / 64, 1 / 64], axis="x", p=0.5),
            dict(type="RandomRotate", angle=[-1 / 64, 1 / 64], axis="y", p=0.5),
            dict(type="RandomScale", scale=[0.9, 1.1]),
            dict(type="RandomFlip", p=0.5),
            dict(type="RandomJitter", sigma=0.005, clip=0.02),
            dict(type="ChromaticAutoContrast", p=0.2, blend_factor=None),
            dict(type="ChromaticTranslation", p=0.95, ratio=0.05),
            dict(type="ChromaticJitter", p=0.95, std=0.05),
            dict(type="GridSample", grid_size=0.02, hash_type="fnv", mode="train", return_grid_coord=True),
            dict(type="SphereCrop", sample_rate=0.6, mode="random"),
            dict(type="SphereCrop", point_max=204800, mode="random"),
            dict(type="CenterShift", apply_z=False),
            dict(type="NormalizeColor"),
            dict(type="ToTensor"),
            dict(type="Collect", keys=("coord", "grid_coord", "segment"), feat_keys=("color", "normal")),
        ],
    ),
    val=dict(type="S3DISDataset", split="Area_5", data_root="data/s3dis"),
    test=dict(
        type="S3DISDataset",
        split="Area_5",
        data_root="data/s3dis",
        test_cfg=dict(
            # Five scales, each also with both axes flipped: the 10 views of the published protocol.
            aug_transform=[
                [dict(type="RandomScale", scale=[scale, scale]), dict(type="RandomFlip", p=flip)]
                for flip in (0, 1)
                for scale in (0.9, 0.95, 1, 1.05, 1.1)
            ],
        ),
    ),
)
