"""The recipe of `ffnet3d ablate` on the demo rooms: scored on the two unseen areas."""

_base_ = ["ffnet3d.py"]

data = dict(val=dict(split=("Area_5", "Area_6")))
