"""The small network and its short recipe for a CPU, without a data set: 8 cm voxels, light augmentation."""

_base_ = ["ffnet3d.py"]

batch_size = 2
mix_prob = 0
enable_amp = False
sync_bn = False
num_worker = 0  # on two cores a loading process costs the network more than it gives
seed = 0

model = dict(
    backbone_out_channels=32,
    backbone=dict(
        enc_depths=(1, 1, 1, 1, 1),
        enc_channels=(32, 48, 64, 96, 128),
        dec_depths=(1, 1, 1, 1),
        dec_channels=(32, 48, 64, 96),
        drop_path=0.2,
        bn_momentum=0.1,  # the running statistics of a short run must follow quickly
    ),
)

epoch = 64
eval_epoch = 4
scheduler = dict(max_lr=0.006, pct_start=0.1)
param_dicts = None

data = dict(
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
    ),
    test=dict(
        # Labels are voted at half the grid size and carried over to all points, which saves most fragments.
        transform=[
            dict(type="CenterShift", apply_z=True),
            dict(type="Copy", keys_dict={"segment": "origin_segment"}),
            dict(type="GridSample", grid_size=0.04, mode="train", return_inverse=True),
            dict(type="NormalizeColor"),
        ],
        test_cfg=dict(
            voxelize=dict(grid_size=0.08),
            aug_transform=[
                [dict(type="RandomRotateTargetAngle", angle=[angle], axis="z", center=[0, 0, 0], p=1)]
                for angle in (0, 1 / 2, 1, 3 / 2)
            ],
        ),
    ),
)
