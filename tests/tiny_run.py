"""A run small enough for tests: rooms of a few hundred points, a network of two levels, a config file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

POINTS = 240
CLASSES = 13

CONFIG = """
seed = 3
save_path = "SAVE_PATH"
num_worker = 0
batch_size = 2
epoch = 6
eval_epoch = 3
clip_grad = 10.0
sync_bn = True
amp_dtype = "bfloat16"
mix_prob = 0.5
param_dicts = [dict(keyword="block", lr=0.001)]
report = False
save_steps = 2
optimizer = dict(type="AdamW", lr=0.01, weight_decay=0.05)
scheduler = dict(type="OneCycleLR", max_lr=[0.01, 0.001], pct_start=0.3, div_factor=10.0)
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
        drop_path=0.2,
    ),
    criteria=[dict(type="CrossEntropyLoss", loss_weight=1.0, ignore_index=-1)],
)
data = dict(
    num_classes=13,
    ignore_index=-1,
    names=["class%d" % i for i in range(13)],
    train=dict(
        type="S3DISDataset",
        split="Area_1",
        data_root="DATA_ROOT",
        transform=[
            dict(type="RandomFlip", p=0.5),
            dict(type="ChromaticJitter", p=0.95, std=0.05),
            dict(type="GridSample", grid_size=0.1, mode="train", return_grid_coord=True),
            dict(type="NormalizeColor"),
            dict(type="ToTensor"),
            dict(type="Collect", keys=("coord", "grid_coord", "segment"), feat_keys=("color",)),
        ],
    ),
    val=dict(
        type="S3DISDataset",
        split="Area_2",
        data_root="DATA_ROOT",
        transform=[
            dict(type="Copy", keys_dict=dict(segment="origin_segment")),
            dict(type="GridSample", grid_size=0.1, mode="train", return_grid_coord=True, return_inverse=True),
            dict(type="NormalizeColor"),
            dict(type="ToTensor"),
            dict(
                type="Collect",
                keys=("coord", "grid_coord", "segment", "origin_segment", "inverse"),
                feat_keys=("color",),
            ),
        ],
    ),
    test=dict(
        type="S3DISDataset",
        split="Area_2",
        data_root="DATA_ROOT",
        transform=[dict(type="NormalizeColor")],
        test_mode=True,
        test_cfg=dict(
            voxelize=dict(type="GridSample", grid_size=0.2, mode="test", return_grid_coord=True),
            crop=None,
            post_transform=[
                dict(type="ToTensor"),
                dict(type="Collect", keys=("coord", "grid_coord", "index"), feat_keys=("color",)),
            ],
            aug_transform=[
                [dict(type="RandomRotateTargetAngle", angle=[0], axis="z", center=[0, 0, 0], p=1)],
                [dict(type="RandomRotateTargetAngle", angle=[1 / 2], axis="z", center=[0, 0, 0], p=1)],
            ],
        ),
    ),
)
"""


def write_rooms(root: Path) -> Path:
    """Four rooms to train on and three to test; every point has a 10 cm voxel of its own."""
    for area, rooms in ((1, 4), (2, 3)):
        for room in range(rooms):
            write_room(root / f"Area_{area}" / f"room_{room}", seed=10 * area + room)
    return root


def write_room(folder: Path, seed: int, points: int = POINTS) -> None:
    """A cloud whose colour follows its class, and its class its place."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(12 * 12 * 6, size=points, replace=False)
    grid = np.stack(np.unravel_index(cells, (12, 12, 6)), axis=1)
    segment = (grid[:, 2] * 2 + (grid[:, 0] > 5)) % CLASSES
    color = np.clip(segment[:, None] * 18 + rng.integers(0, 30, (points, 3)), 0, 255)
    folder.mkdir(parents=True)
    np.save(folder / "coord.npy", ((grid + 0.5) * 0.1).astype(np.float32))
    np.save(folder / "color.npy", color.astype(np.uint8))
    np.save(folder / "normal.npy", np.tile(np.float32([0, 0, 1]), (points, 1)))
    np.save(folder / "segment.npy", segment.astype(np.int16)[:, None])


def write_config(folder: Path, name: str = "run") -> Path:
    """Config file of a run `folder`/`name` on the rooms in `folder`/rooms, made if they are not there."""
    rooms = folder / "rooms"
    if not rooms.exists():
        write_rooms(rooms)
    file = folder / f"{name}_config.py"
    file.write_text(CONFIG.replace("SAVE_PATH", str(folder / name)).replace("DATA_ROOT", str(rooms)))
    return file


def tiny_config(folder: Path, name: str = "run", *overrides: str) -> Any:
    """The loaded config of `write_config`, with overrides as on the command line."""
    from ffnet3d.engine.config import load_config

    return load_config(write_config(folder, name), overrides)
