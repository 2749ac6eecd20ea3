"""A short recipe on the demo rooms: a fold of `ffnet3d sixfold -d demo` in about two minutes on two cores."""

_base_ = ["ffnet3d.py"]

epoch = 20
eval_epoch = 4
