"""Large depthwise kernels on S3DIS, 12.3 M parameters: ffnet3d-dw, released recipe."""

_base_ = ["ffnet3d.py"]

model = dict(
    backbone=dict(
        enc_channels=(32, 64, 128, 256, 448),
        dec_depths=(1, 1, 1, 1),
        enc_ks=(3, 3, 7, 7, 7),
        dec_ks=(3, 3, 7, 7),
        mixers="ffnified_depthwise",
        channel_mixers="convnext_depthwise",
        layer_scale=1e-5,
        branches=("small",),
    ),
)
