# ruff: noqa: C408  dict(...) is the dialect of configs
"""A small config of every kind of setting, and what Pointcept 1.7 made of it: dump.txt.

Made anew, in a checkout of Pointcept with this package installed, by

    from pointcept.engines.defaults import default_config_parser
    default_config_parser("source.py", dict(save_path="exp/dumped"))  # writes exp/dumped/config.py
"""

from ffnet3d.data.classes import S3DIS13

dataset_type = "S3DISDataset"
data_root = "data/rooms"
_angles = (0, 1 / 2)

weight = None
resume = False
evaluate = True
test_only = False
seed = 3
save_path = "exp/source"
num_worker = 0
batch_size = 2
gradient_accumulation_steps = 1
batch_size_val = None
batch_size_test = None
epoch = 4
eval_epoch = 2
clip_grad = 10.0
sync_bn = True
enable_amp = False
amp_dtype = "bfloat16"
empty_cache = False
empty_cache_per_epoch = False
find_unused_parameters = False
custom_imports = dict(imports=["ffnet3d.pointcept"])
enable_wandb = False
wandb_project = "ffnet3d"
wandb_key = None
mix_prob = 0.5
param_dicts = [dict(keyword="block", lr=0.001)]
report = False

optimizer = dict(type="AdamW", lr=0.01, weight_decay=0.05)
scheduler = dict(type="OneCycleLR", max_lr=[0.01, 0.001], pct_start=0.3, final_div_factor=1e4)
model = dict(
    type="DefaultSegmentorV2",
    num_classes=13,
    backbone_out_channels=6,
    backbone=dict(
        type="FFNet3D",
        in_channels=3,
        stride=(2,),
        enc_depths=(1, 1),
        enc_channels=(6, 8),
        dec_depths=(1,),
        dec_channels=(6,),
    ),
    criteria=[dict(type="CrossEntropyLoss", loss_weight=1.0, ignore_index=-1)],
)
data = dict(
    num_classes=13,
    ignore_index=-1,
    names=S3DIS13,
    train=dict(
        type=dataset_type,
        split=("Area_1",),
        data_root=data_root,
        transform=[
            dict(type="RandomRotate", angle=[-1 / 64, 1 / 64], axis="x", p=0.5),
            dict(type="GridSample", grid_size=0.1, mode="train", return_grid_coord=True),
            dict(type="NormalizeColor"),
            dict(type="ToTensor"),
            dict(type="Collect", keys=("coord", "grid_coord", "segment"), feat_keys=("color",)),
        ],
        test_mode=False,
    ),
    val=dict(
        type=dataset_type,
        split="Area_2",
        data_root=data_root,
        transform=[
            dict(type="Copy", keys_dict={"segment": "origin_segment"}),
            dict(type="GridSample", grid_size=0.1, mode="train", return_grid_coord=True, return_inverse=True),
            dict(type="NormalizeColor"),
            dict(type="ToTensor"),
            dict(
                type="Collect",
                keys=("coord", "grid_coord", "segment", "origin_segment", "inverse"),
                feat_keys=("color",),
            ),
        ],
        test_mode=False,
    ),
    test=dict(
        type=dataset_type,
        split="Area_2",
        data_root=data_root,
        transform=[dict(type="NormalizeColor")],
        test_mode=True,
        test_cfg=dict(
            voxelize=dict(type="GridSample", grid_size=0.1, mode="test", return_grid_coord=True),
            crop=None,
            post_transform=[
                dict(type="ToTensor"),
                dict(type="Collect", keys=("coord", "grid_coord", "index"), feat_keys=("color",)),
            ],
            aug_transform=[
                [dict(type="RandomRotateTargetAngle", angle=[angle], axis="z", center=[0, 0, 0], p=1)]
                for angle in _angles
            ],
        ),
    ),
)
hooks = [
    dict(type="CheckpointLoader"),
    dict(type="IterationTimer", warmup_iter=2),
    dict(type="InformationWriter"),
    dict(type="SemSegEvaluator"),
    dict(type="CheckpointSaver", save_freq=None),
    dict(type="PreciseEvaluator", test_last=False),
]
train = dict(type="DefaultTrainer")
test = dict(type="SemSegTester", verbose=True)
