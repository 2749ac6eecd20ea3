"""Coarse attention on the demo rooms, 12.8 M parameters: ffnet3d-lite, the small network's recipe."""

_base_ = ["ffnet3d.py"]

model = dict(
    backbone_out_channels=32,
    backbone=dict(
        enc_depths=(2, 2, 2, 6, 2),
        enc_channels=(32, 64, 128, 192, 384),
        dec_depths=(1, 1, 1, 1),
        dec_channels=(32, 64, 128, 192),
        mixers=("ffnified", "ffnified", "ffnified", "window_attention", "window_attention"),
        channel_mixers=("convnext", "convnext", "convnext", "convnext_depthwise", "convnext_depthwise"),
    ),
)
