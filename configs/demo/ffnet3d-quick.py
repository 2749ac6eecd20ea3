"""A short recipe on the demo rooms, for `ffnet3d sixfold -d demo`: it shows the way, not what the network can do."""

_base_ = ["ffnet3d.py"]

epoch = 6
eval_epoch = 2
