"""Arguments of the network: what they mean and which are refused."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from ffnet3d.models import FFNet3D, FFNet3DConfig, build_model


def test_drop_path_grows_through_the_encoder_and_falls_through_the_decoder() -> None:
    config = FFNet3DConfig()
    encoder = [rate for stage in config.encoder_drop_path() for rate in stage]
    assert encoder == pytest.approx([0.3 * i / 13 for i in range(14)])
    executed = [rate for stage in reversed(config.decoder_drop_path()) for rate in stage]
    assert executed == pytest.approx([0.3 * i / 7 for i in reversed(range(8))])
    assert [len(stage) for stage in config.encoder_drop_path()] == [2, 2, 2, 6, 2]


def test_single_block_has_no_drop_path() -> None:
    config = FFNet3DConfig(
        stride=(2,), enc_depths=(1, 0), enc_channels=(4, 4), dec_depths=(1,), dec_channels=(4,)
    )
    assert config.encoder_drop_path() == [[0.0], []]
    assert config.decoder_drop_path() == [[0.0]]


def test_kernel_sizes_of_each_level() -> None:
    assert FFNet3DConfig(enc_ks=3, dec_ks=7).kernel_sizes() == ({3, 5, 7}, {3, 7}, {3, 7}, {3, 7}, {3})


def test_kernels_and_mixers_by_stage() -> None:
    config = FFNet3DConfig(
        enc_ks=(3, 3, 5, 7, "cross9"), dec_ks=(3, 3, 3, 7), mixers=("mlp",) * 4 + ("pooling",)
    )
    assert config.kernel_sizes() == ({3, 5}, {3}, {3, 5}, {7}, {"cross9"})
    assert [config.of_stage("mixers", level) for level in (0, 4)] == ["mlp", "pooling"]
    assert config.of_stage("channel_mixers", 4) == "convnext"


def test_lists_become_tuples() -> None:
    assert FFNet3DConfig(dec_depths=[1, 1, 1, 1]) == FFNet3DConfig(dec_depths=(1, 1, 1, 1))


BAD_ARGUMENTS = [
    ({"enc_depths": (1, 1)}, r"enc_depths must have 5 entries.*got \(1, 1\)"),
    ({"stride": (2, 2, 2)}, r"stride must have 4 entries"),
    ({"stride": (2, 2, 2, 3)}, r"stride must hold powers of two.*\(2, 2, 2, 3\)"),
    ({"enc_ks": 4}, "enc_ks: kernel_size must be odd and positive, got 4"),
    ({"dec_channels": (64, 0, 128, 256)}, "dec_channels must be positive"),
    ({"in_channels": 0}, "in_channels must be positive, got 0"),
    ({"drop_path": 1.0}, r"drop_path must be in \[0, 1\), got 1.0"),
    ({"drop_path_per": "voxel"}, "drop_path_per must be 'point' or 'scene', got 'voxel'"),
    ({"enc_ks": (3, 3, 5)}, r"enc_ks must be one, or have 5 entries, one a stage; got \(3, 3, 5\)"),
    ({"dec_ks": (3, 3, 3, 3, 5)}, r"dec_ks must be one, or have 4 entries"),
    ({"enc_ks": "9x9x9"}, "enc_ks: kernel '9x9x9' is a cube: write the integer 9"),
    ({"mixers": ("ffnified", "pooling")}, r"mixers must be one, or have 5 entries, one a stage"),
    ({"mixers": "pool"}, "unknown mixer type 'pool': did you mean 'pooling'"),
    ({"channel_mixers": "attention"}, "unknown mixer type 'attention': .*window_attention"),
    ({"activation": "silu"}, "unknown activation 'silu': .*gelu"),
    ({"norms": "none"}, "unknown norms 'none'"),
    ({"norms": "batch", "pdnorm_ln": True}, "pdnorm_ln must be False"),
    ({"norms": "layer", "branches": ("small",)}, "branches have batch norms of their own"),
    ({"branches": ("tiny",)}, "unknown branches 'tiny'"),
    ({"layer_scale": -1.0}, "layer_scale must be 0 or above, got -1"),
    ({"window": 1}, "window must be 2 voxels or more, got 1"),
    (
        {"mixers": "window_attention", "enc_channels": (32, 65, 64, 64, 64)},
        "cannot part 65 channels into 2 heads",
    ),
    ({"in_channels": "6"}, "in_channels must be one whole number, got '6'"),
    ({"enc_depths": (1, 1, 1, 1, 1.5)}, r"enc_depths must hold whole numbers, got \(1, 1, 1, 1, 1.5\)"),
    ({"mlp_ratio": -1}, "mlp_ratio must be above 0, got -1"),
    ({"order": ("z", "peano")}, "unknown order 'peano', known: z, z-trans, hilbert, hilbert-trans"),
    ({"pdnorm_conditions": "ScanNet"}, "pdnorm_conditions must be a tuple of names, got 'ScanNet'"),
    ({"enc_depth": (1,)}, "FFNet3D has no argument 'enc_depth': did you mean 'enc_depths'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_model({"type": "FFNet3D", **arguments})


def test_bn_momentum_reaches_every_batch_norm() -> None:
    network = FFNet3D(
        stride=(2,),
        enc_depths=(1, 1),
        enc_channels=(4, 4),
        dec_depths=(1,),
        dec_channels=(4,),
        bn_momentum=0.2,
    )
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
    assert norms
    assert all(norm.momentum == 0.2 for norm in norms)


def test_an_encoder_needs_no_decoder() -> None:
    assert FFNet3DConfig(cls_mode=True, dec_depths=None, dec_channels=None).out_channels == 512


def test_bn_momentum_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bn_momentum must be in \(0, 1\], got 0"):
        FFNet3DConfig(bn_momentum=0)


def test_a_number_where_a_tuple_belongs_is_refused() -> None:
    with pytest.raises(ValueError, match="enc_depths must be a tuple, one entry a stage, got 1"):
        FFNet3DConfig(enc_depths=1)
