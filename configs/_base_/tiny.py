"""The small network and its short recipe for a CPU, without a data set: 8 cm voxels, light augmentation."""

_base_ = ["default_runtime.py"]

batch_size = 2
num_worker = 0  # on two cores a loading process costs the network more than it gives
seed = 0

model = dict(
    type="DefaultSegmentorV2",
    backbone_out_channels=32,
    backbone=dict(
        type="FFNet3D",
        in_channels=6,
        enc_depths=(1, 1, 1, 1, 1),
        enc_channels=(32, 48, 64, 96, 128),
        dec_depths=(1, 1, 1, 1),
        dec_channels=(32, 48, 64, 96),
        drop_path=0.1,
        bn_momentum=0.1,  # the running statistics of a short run must follow quickly
    ),
    criteria=[
        dict(type="CrossEntropyLoss", loss_weight=1.0, ignore_index=-1),
        dict(type="LovaszLoss", mode="multiclass", loss_weight=1.0, ignore_index=-1),
    ],
)

epoch = 64
eval_epoch = 4
optimizer = dict(type="AdamW", lr=0.006, weight_decay=0.05)
scheduler = dict(
    type="OneCycleLR",
    max_lr=0.006,
    pct_start=0.1,
    anneal_strategy="cos",
    div_factor=10.0,
    final_div_factor=1000.0,
)

data = dict(
    ignore_index=-1,
    train=dict(
        transform=[
            dict(type="CenterShift", apply_z=True),
            dict(type="RandomDropout", dropout_ratio=0.2, dropout_application_ratio=0.2),
            dict(type="RandomRotate", angle=[-1, 1], axis="z", center=[0, 0, 0], p=1),
            dict(type="RandomScale", scale=[0.9, 1.1]),
            dict(type="RandomFlip", p=0.5),
            dict(type="RandomJitter", sigma=0.005, clip=0.02),
            dict(type="ChromaticAutoContrast", p=0.2, blend_factor=None),
            dict(type="ChromaticTranslation", p=0.95, ratio=0.05),
            dict(type="ChromaticJitter", p=0.95, std=0.05),
            dict(type="GridSample", grid_size=0.08, mode="train", return_grid_coord=True),
            dict(type="SphereCrop", point_max=10240, mode="random"),
            dict(type="CenterShift", apply_z=False),
            dict(type="NormalizeColor"),
            dict(type="ToTensor"),
            dict(type="Collect", keys=("coord", "grid_coord", "segment"), feat_keys=("color", "normal")),
        ],
        test_mode=False,
    ),
    val=dict(
        transform=[
            dict(type="CenterShift", apply_z=True),
            dict(type="Copy", keys_dict={"segment": "origin_segment"}),
            dict(
                type="GridSample", grid_size=0.08, mode="train", return_grid_coord=True, return_inverse=True
            ),
            dict(type="CenterShift", apply_z=False),
            dict(type="NormalizeColor"),
            dict(type="ToTensor"),
            dict(
                type="Collect",
                keys=("coord", "grid_coord", "segment", "origin_segment", "inverse"),
                feat_keys=("color", "normal"),
            ),
        ],
        test_mode=False,
    ),
    test=dict(
        # Labels are voted at half the grid size and carried over to all points, which saves most fragments.
        transform=[
            dict(type="CenterShift", apply_z=True),
            dict(type="Copy", keys_dict={"segment": "origin_segment"}),
            dict(type="GridSample", grid_size=0.04, mode="train", return_inverse=True),
            dict(type="NormalizeColor"),
        ],
        test_mode=True,
        test_cfg=dict(
            voxelize=dict(type="GridSample", grid_size=0.08, mode="test", return_grid_coord=True),
            crop=None,
            post_transform=[
                dict(type="CenterShift", apply_z=False),
                dict(type="ToTensor"),
                dict(type="Collect", keys=("coord", "grid_coord", "index"), feat_keys=("color", "normal")),
            ],
            aug_transform=[
                [dict(type="RandomRotateTargetAngle", angle=[angle], axis="z", center=[0, 0, 0], p=1)]
                for angle in (0, 1 / 2, 1, 3 / 2)
            ],
        ),
    ),
)
