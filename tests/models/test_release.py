"""Names and layout of the released weights: both ways, strictly, and the network that they are of."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models.released.cases import CASES, SMALL
from models.released.ours import released_template
from models.released.weights import draw_weights
from torch import Tensor

from ffnet3d.models import FFNet3D, FFNet3DConfig
from ffnet3d.models.release import (
    conv_from_release,
    conv_to_release,
    describe,
    from_release,
    is_released,
    to_release,
    to_release_entry,
)

EXCHANGED = [name for name, case in CASES.items() if not case.backbone.get("pdnorm_ln")]
TOLD = ("in_channels", "stride", "enc_depths", "enc_channels", "enc_ks", "mlp_ratio", "cls_mode")
TOLD_OF_DECODERS = ("dec_depths", "dec_channels", "dec_ks")
TOLD_OF_NORMS = ("pdnorm_bn", "pdnorm_ln", "pdnorm_adaptive")


def released(name: str = "small") -> dict[str, Tensor]:
    return draw_weights(released_template(CASES[name]))


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return list(left) == list(right) and all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("name", EXCHANGED)
def test_there_and_back(name: str) -> None:
    weights = released(name)
    assert same(to_release(from_release(weights)), weights)


@pytest.mark.parametrize("name", EXCHANGED)
def test_the_network_is_told_by_its_weights(name: str) -> None:
    case = CASES[name]
    backbone, classes = describe(from_release(released(name)))
    assert classes == (None if case.is_encoder else case.num_classes)
    expected, told = FFNet3DConfig(**case.arguments), FFNet3DConfig(**backbone)
    for key in (*TOLD, *TOLD_OF_NORMS, *(() if case.is_encoder else TOLD_OF_DECODERS)):
        assert getattr(told, key) == getattr(expected, key), key
    assert len(told.pdnorm_conditions) == 3


def describe_network(**arguments: Any) -> dict[str, Any]:
    with torch.device("meta"):
        return describe(FFNet3D(**{**SMALL, **arguments}).state_dict())[0]


@pytest.mark.parametrize("ratio", [1, 2.7, 0.3, 10 / 3])
def test_mlp_ratio_gives_every_hidden_width(ratio: float) -> None:
    told = describe_network(mlp_ratio=ratio)["mlp_ratio"]
    assert [int(width * told) for width in (16, 24, 32, 48)] == [
        int(width * ratio) for width in (16, 24, 32, 48)
    ]


def test_stages_without_blocks_and_norms_without_parameters_are_told() -> None:
    assert describe_network(enc_depths=(0, 1, 0, 2), dec_depths=(0, 0, 0))["enc_depths"] == (0, 1, 0, 2)
    told = describe_network(
        pdnorm_ln=True, pdnorm_affine=False, pdnorm_adaptive=True, enc_depths=(0, 1, 1, 1)
    )
    assert (told["pdnorm_ln"], told["pdnorm_affine"], told["pdnorm_adaptive"]) == (True, False, True)
    told = describe_network(pdnorm_bn=True, pdnorm_decouple=False)
    assert (told["pdnorm_bn"], told["pdnorm_decouple"], told["pdnorm_affine"]) == (True, False, True)
    assert describe_network(pdnorm_bn=True, pdnorm_conditions=("a", "b"))["pdnorm_conditions"] == ("0", "1")


@pytest.mark.parametrize("size", [1, 3, 5])
def test_layout_of_convolutions(size: int) -> None:
    """At every offset spconv multiplies by [Cout, Cin]; a kernel of one place it reads as [Cin, Cout]."""
    weight = torch.arange(4.0 * size**3 * 6).reshape(4, size, size, size, 6)
    ours = conv_from_release(weight)
    assert ours.shape == (size**3, 6, 4)
    x, y, z = size - 1, size // 2, 0
    expected = weight[:, x, y, z, :].T if size > 1 else weight.reshape(6, 4)
    torch.testing.assert_close(ours[(x * size + y) * size + z], expected, rtol=0, atol=0)
    assert torch.equal(conv_to_release(ours), weight)


def test_prefixes_are_kept_or_made_whole() -> None:
    segmentor = released()
    wrapped = {f"module.{name}": value for name, value in segmentor.items()}
    assert same(from_release(wrapped), from_release(segmentor))
    headless = {name: value for name, value in segmentor.items() if not name.startswith("seg_head.")}
    assert all(name.startswith("backbone.") for name in from_release(headless))
    bare = {name.removeprefix("backbone."): value for name, value in headless.items()}
    with torch.device("meta"):
        FFNet3D(in_channels=6, **SMALL).load_state_dict(from_release(bare), assign=True)
    assert same(to_release(from_release(bare)), bare)
    unprefixed = {name.removeprefix("backbone."): value for name, value in segmentor.items()}
    assert same(from_release(unprefixed), from_release(segmentor))
    with pytest.raises(ValueError, match="names occur twice, with and without"):
        from_release({**segmentor, **unprefixed})


KEY = "enc.enc2.block1.token_mixer.1.weight"  # [32, 3, 3, 3, 32]
STEM = "embedding.stem.conv.weight"
MISTAKES: dict[str, tuple[str, tuple[int, ...] | None, str]] = {
    "unknown": (
        "enc.enc0.block0.cpe.0.weight",
        (3,),
        r"^enc\.enc0\.block0\.cpe\.0\.weight is no name of the",
    ),
    "strange": ("enc.enc0.block0.norm1.0.scale", (3,), r"^enc\.enc0.*norm1\.0\.scale is not of the network"),
    "missing": (KEY, None, r"^enc\.enc2\.block1\.token_mixer\.1\.weight is missing: is the file whole"),
    "missing at first": (STEM, None, r"^embedding\.stem\.conv\.weight is missing"),
    "width": ("enc.enc1.block0.norm2.0.bias", (7,), r"norm2\.0\.bias is \[7\], where .* has \[24\]"),
    "kernel": (
        KEY,
        (32, 5, 5, 5, 32),
        r"mixer\.1\.weight is \[32, 5, 5, 5, 32\], where .* \[32, 3, 3, 3, 32\]",
    ),
    "layout": (KEY, (3, 3, 3, 32, 32), r"is \[3, 3, 3, 32, 32\], where spconv 2 has \[Cout, k, k, k, Cin\]"),
    "axes": ("enc.enc1.down.proj.weight", (24,), r"^enc\.enc1\.down\.proj\.weight has the shape \[24\]"),
    "stem": (STEM, (16, 3, 3, 3, 6), r"stem\.conv\.weight is \[16, 3, 3, 3, 6\], where .* 5, 5, 5, 6\]"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_does_not_fit_is_named(mistake: str) -> None:
    name, shape, text = MISTAKES[mistake]
    weights = {key: value for key, value in released().items() if key != f"backbone.{name}"}
    if shape is not None:
        weights[f"backbone.{name}"] = torch.ones(shape)
    with pytest.raises(ValueError, match=text):
        from_release(weights)


def test_a_head_that_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"^seg_head\.bias is \[20\], where .* has \[13\]"):
        from_release({**released(), "seg_head.bias": torch.ones(20)})


def test_our_weights_are_checked_as_strictly() -> None:
    ours = from_release(released())
    name = "backbone.decoder.1.blocks.0.channel_mixer.norm.running_var"
    with pytest.raises(
        ValueError, match=r"^decoder\.1\.blocks\.0\.channel_mixer\.norm\.running_var is missing"
    ):
        to_release({key: value for key, value in ours.items() if key != name})
    with pytest.raises(ValueError, match=r"^decoder.*running_var is \[5\], where .* has \[24\]"):
        to_release({**ours, name: torch.ones(5)})
    with pytest.raises(ValueError, match=r"^stem\.convolution\.weight is not of the network"):
        to_release({**ours, "backbone.stem.convolution.weight": torch.ones(1)})
    with pytest.raises(ValueError, match=r"^head\.weight is no name of FFNet3D"):
        to_release({**ours, "head.weight": torch.ones(1)})
    with pytest.raises(
        ValueError, match=r"^stem\.conv\.weight is \[7, 6, 16\], where a convolution has \[k\*\*3"
    ):
        to_release({**ours, "backbone.stem.conv.weight": torch.ones(7, 6, 16)})


def test_networks_of_another_function_there_are_refused() -> None:
    for name in ("pdnorm-ln-adaptive", "pdnorm-both"):
        with pytest.raises(ValueError, match=r"\(pdnorm_ln\): the released code then leaves norm2 out"):
            from_release(released(name))
    with torch.device("meta"):
        shared = FFNet3D(**SMALL, pdnorm_bn=True, pdnorm_decouple=False).state_dict()
    with pytest.raises(ValueError, match="pdnorm_decouple=False, with which the released code cannot run"):
        to_release(shared)


def test_released_names_are_told_from_ours() -> None:
    weights = released()
    assert is_released(weights)
    assert is_released(f"module.{name}" for name in weights)
    assert is_released(name.removeprefix("backbone.") for name in weights)
    assert not is_released(from_release(weights))
    assert not is_released(["encoder.enc.enc0.weight", "embedding.weight"])


def test_one_entry_alone() -> None:
    name, value = to_release_entry("pools.0.norm.norm.2.bias", torch.ones(3))
    assert (name, value.tolist()) == ("enc.enc1.down.norm.0.norm.2.bias", [1, 1, 1])
