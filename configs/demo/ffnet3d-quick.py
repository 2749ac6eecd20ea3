"""A short recipe on the demo rooms for `ffnet3d sixfold -d demo`: it shows the way, not what FFNet can do."""

_base_ = ["ffnet3d.py"]

epoch = 4
eval_epoch = 2

data = dict(
    test=dict(
        test_cfg=dict(
            aug_transform=[
                [dict(type="RandomRotateTargetAngle", angle=[angle], axis="z", center=[0, 0, 0], p=1)]
                for angle in (0, 1)
            ],
        ),
    ),
)
