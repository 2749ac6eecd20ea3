"""Large depthwise kernels on the demo rooms, 12.3 M parameters: ffnet3d-dw, the small network's recipe."""

_base_ = ["ffnet3d.py"]

model = dict(
    backbone_out_channels=64,
    backbone=dict(
        enc_depths=(2, 2, 2, 6, 2),
        enc_channels=(32, 64, 128, 256, 448),
        dec_depths=(1, 1, 1, 1),
        dec_channels=(64, 64, 128, 256),
        enc_ks=(3, 3, 7, 7, 7),
        dec_ks=(3, 3, 7, 7),
        mixers="ffnified_depthwise",
        channel_mixers="convnext_depthwise",
        layer_scale=1e-5,
        branches=("small",),
    ),
)
