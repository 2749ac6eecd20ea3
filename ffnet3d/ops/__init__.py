"""Operators on sparse voxels: submanifold convolution (dense and depthwise) and segment reductions.

`reference` holds the slow definitions, `torch_backend` the fast form in plain PyTorch, `triton_backend`
kernels for CUDA, `spconv_backend` and `spconv_cpu` the forms by spconv; `backends` is the table that wires
them, `functional` the face that checks arguments.
"""

from ffnet3d.ops.backends import Backend, available_backends, resolve_backend, resolve_depthwise
from ffnet3d.ops.dense import feed_forward, linear
from ffnet3d.ops.functional import subm_conv3d, subm_conv3d_depthwise
from ffnet3d.ops.segments import segment_reduce
from ffnet3d.ops.warmup import warm_up

__all__ = [
    "Backend",
    "available_backends",
    "feed_forward",
    "linear",
    "resolve_backend",
    "resolve_depthwise",
    "segment_reduce",
    "subm_conv3d",
    "subm_conv3d_depthwise",
    "warm_up",
]
