"""Weights of the authors' released code: their names and spconv's layout of convolutions, both ways.

Nothing is dropped or made up: what does not fit one network in every name and shape is refused. Two kinds of
weights fit, but are of another function there, and are refused as well:
- `pdnorm_ln`: the released block hands its channel mixer the features before `norm2` (its PDNorm renews the
  features of the point, not those of the sparse tensor that the convolution reads);
- norms by data set with `pdnorm_decouple=False`, with which the released PDNorm cannot run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from torch import Tensor

from ffnet3d.models.architecture import BACKBONE, HEAD, infer_backbone, skeleton

WRAPPER = "module."  # what DistributedDataParallel puts before the names of parameters

# The parts of the network, as released and here. The released `down` of level l is pool l - 1.
PARTS = (
    ("embedding.stem", "stem"),
    ("enc.enc{level}.down.proj", "pools.{pool}.proj"),
    ("enc.enc{level}.down.norm.0", "pools.{pool}.norm"),
    ("dec.dec{level}.up.proj.0", "unpools.{level}.proj.linear"),
    ("dec.dec{level}.up.proj.1", "unpools.{level}.proj.norm"),
    ("dec.dec{level}.up.proj_skip.0", "unpools.{level}.skip.linear"),
    ("dec.dec{level}.up.proj_skip.1", "unpools.{level}.skip.norm"),
)
BLOCKS = (
    ("enc.enc{level}.block{block}", "encoder.{level}.blocks.{block}"),
    ("dec.dec{level}.block{block}", "decoder.{level}.blocks.{block}"),
)
PARTS_OF_A_BLOCK = (
    ("norm1.0", "norm1"),
    ("token_mixer.0", "token_mixer.query"),
    ("token_mixer.1", "token_mixer.key"),
    ("token_mixer.2", "token_mixer.key_norm"),
    ("token_mixer.4", "token_mixer.value"),
    ("token_mixer.5", "token_mixer.value_norm"),
    ("norm2.0", "norm2"),
    ("channel_mixer.0", "channel_mixer.conv"),
    ("channel_mixer.1", "channel_mixer.norm"),
    ("channel_mixer.2.fc1", "channel_mixer.fc1"),
    ("channel_mixer.2.fc2", "channel_mixer.fc2"),
)


def from_release(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released state dict -> ours. A leading "module." is dropped; "backbone." stays, and its absence.

    Raises ValueError naming a tensor that is unknown, missing or of another shape, or the function at fault.
    """
    given = _without_prefixes(weights)
    ours = dict(from_release_entry(name, value) for name, value in given.items())
    backbone, classes = describe(ours, _released_name)
    wanted = dict(to_release_entry(name, value) for name, value in skeleton(backbone, classes).items())
    _check_fit(given, wanted)
    check_function(backbone.get("pdnorm_ln", False), backbone.get("pdnorm_decouple", True))
    return _with_prefixes(ours, weights)


def to_release(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict -> a released one; prefixes and errors as for `from_release`."""
    given = _without_prefixes(weights)
    released = dict(to_release_entry(name, value) for name, value in given.items())
    backbone, classes = describe(given)
    _check_fit(given, skeleton(backbone, classes))
    check_function(backbone.get("pdnorm_ln", False), backbone.get("pdnorm_decouple", True))
    return _with_prefixes(released, weights)


def describe(
    weights: Mapping[str, Tensor], spell: Callable[[str], str] = str
) -> tuple[dict[str, Any], int | None]:
    """Our state dict -> arguments of the backbone and number of classes, None without a head."""
    plain = _without_prefixes(weights)
    head = plain.get(f"{HEAD}weight")
    return infer_backbone(plain, spell), None if head is None else len(head)


def is_released(names: Iterable[str]) -> bool:
    """Whether these are names of the released code, with or without prefixes."""
    return any(
        re.match(r"(module\.)?(backbone\.)?(embedding\.stem|enc\.enc\d|dec\.dec\d)\b", n) for n in names
    )


def from_release_entry(name: str, value: Tensor) -> tuple[str, Tensor]:
    """Name and tensor as released, without prefixes -> ours. ValueError naming an unknown name or shape."""
    renamed = _rename(name, _rules_from_release())
    if renamed is None:
        raise ValueError(f"{name} is no name of the released network: is this another network's file?")
    return renamed, conv_from_release(value, name) if value.ndim > 2 else value


def to_release_entry(name: str, value: Tensor) -> tuple[str, Tensor]:
    """Our name and tensor, without prefixes -> as released. ValueError naming an unknown name or shape."""
    renamed = _rename(name, _rules_to_release())
    if renamed is None:
        raise ValueError(f"{name} is no name of FFNet3D: is this another network's file, or a fused one?")
    return renamed, conv_to_release(value, name) if value.ndim > 2 else value


def conv_from_release(weight: Tensor, name: str = "the weight") -> Tensor:
    """spconv's [Cout, k, k, k, Cin] -> ours [k**3, Cin, Cout]."""
    outputs, size, inputs = weight.shape[0], weight.shape[1], weight.shape[-1]
    if tuple(weight.shape) != (outputs, size, size, size, inputs):
        raise ValueError(f"{name} is {list(weight.shape)}, where spconv 2 has [Cout, k, k, k, Cin]")
    if size == 1:  # spconv reads the memory of these as a matrix [Cin, Cout], whatever the shape says
        return weight.reshape(1, inputs, outputs)
    return weight.permute(1, 2, 3, 4, 0).reshape(size**3, inputs, outputs).contiguous()


def conv_to_release(weight: Tensor, name: str = "the weight") -> Tensor:
    """Ours [k**3, Cin, Cout] -> spconv's [Cout, k, k, k, Cin]."""
    size = round(weight.shape[0] ** (1 / 3))
    if weight.ndim != 3 or size**3 != weight.shape[0]:
        raise ValueError(f"{name} is {list(weight.shape)}, where a convolution has [k**3, Cin, Cout]")
    offsets, inputs, outputs = weight.shape
    if offsets == 1:
        return weight.reshape(outputs, 1, 1, 1, inputs)
    return weight.reshape(size, size, size, inputs, outputs).permute(4, 0, 1, 2, 3).contiguous()


Rules = tuple[tuple[re.Pattern[str], str], ...]


@cache
def _rules_from_release() -> Rules:
    return tuple((_pattern(released), ours) for released, ours in _all_parts())


@cache
def _rules_to_release() -> Rules:
    return tuple((_pattern(ours), released) for released, ours in _all_parts())


def _all_parts() -> Iterable[tuple[str, str]]:
    yield from PARTS
    for released, ours in BLOCKS:
        yield from ((f"{released}.{part}", f"{ours}.{own_part}") for part, own_part in PARTS_OF_A_BLOCK)


def _pattern(template: str) -> re.Pattern[str]:
    """The names of a part: numbers for its {fields}, then what the part holds."""
    fields = re.sub(r"\\{(\w+)\\}", r"(?P<\1>0|[1-9]\\d*)", re.escape(template))
    return re.compile(rf"{fields}(?P<rest>\.[.\w]+)")


def _rename(name: str, rules: Rules) -> str | None:
    """The name on the other side, or None."""
    if name.startswith(HEAD):
        return name
    for pattern, template in rules:
        if match := pattern.fullmatch(name):
            numbers = {key: int(text) for key, text in match.groupdict().items() if key != "rest"}
            numbers.setdefault("level", numbers.get("pool", 0) + 1)
            numbers.setdefault("pool", numbers["level"] - 1)
            return template.format(**numbers) + match["rest"]
    return None


def _released_name(name: str) -> str:
    return _rename(name, _rules_to_release()) or name


def _without_prefixes(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    plain = {name.removeprefix(WRAPPER).removeprefix(BACKBONE): value for name, value in weights.items()}
    if len(plain) < len(weights):
        raise ValueError("names occur twice, with and without 'module.' or 'backbone.': keep one of each")
    return plain


def _with_prefixes(plain: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A segmentor's names where `like` is a segmentor's, a bare backbone's otherwise."""
    names = [name.removeprefix(WRAPPER) for name in like]
    if not any(name.startswith((HEAD, BACKBONE)) for name in names):
        return dict(plain)
    return {name if name.startswith(HEAD) else BACKBONE + name: value for name, value in plain.items()}


def _check_fit(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """ValueError naming the first tensor that only one side has, or that differs in shape."""
    for name, value in wanted.items():
        if name not in given:
            raise ValueError(f"{name} is missing: is the file whole?")
        if given[name].shape != value.shape:
            fits = f"where a network with its other tensors has {list(value.shape)}"
            raise ValueError(f"{name} is {list(given[name].shape)}, {fits}: is the file of one network?")
    for name in given:
        if name not in wanted:
            raise ValueError(f"{name} is not of the network that the other names describe: remove it")


def check_function(pdnorm_ln: bool, pdnorm_decouple: bool) -> None:
    """ValueError where the released code computes something else with the weights of such a network."""
    if pdnorm_ln:
        raise ValueError(
            "these weights have layer norms by data set (pdnorm_ln): the released code then leaves "
            "norm2 out, FFNet3D does not: the function would change. Train with pdnorm_ln=False to exchange"
        )
    if not pdnorm_decouple:
        raise ValueError(
            "these weights have norms by data set with pdnorm_decouple=False, with which the released code "
            "cannot run; train with pdnorm_decouple=True to exchange"
        )
