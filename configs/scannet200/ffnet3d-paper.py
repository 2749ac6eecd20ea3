"""FFNet3D on ScanNet200 as in the paper's appendices G.3 and H.1: decoder depths 1, learning rate 0.005."""

_base_ = ["ffnet3d.py"]

model = dict(backbone=dict(dec_depths=(1, 1, 1, 1)))
optimizer = dict(lr=0.005)
scheduler = dict(max_lr=[0.005, 0.0005])
param_dicts = [dict(keyword="block", lr=0.0005)]
