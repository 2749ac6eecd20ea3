"""Files of the authors' release to ours, and back: what `ffnet3d import-release` and `export-release` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ffnet3d.data.classes import S3DIS13, SCANNET20, SCANNET200
from ffnet3d.engine.checkpoint import read_file, save_checkpoint
from ffnet3d.models import FFNet3DConfig
from ffnet3d.models.architecture import BACKBONE
from ffnet3d.models.hub import WEIGHTS, read_safetensors, write_pretrained
from ffnet3d.models.presets import CRITERIA
from ffnet3d.models.release import describe, from_release, is_released, to_release

CHECKPOINT = ".pth"
ACTIVATIONS = {"gelu": True, "relu": False}
S3DIS_CLASSES = 13
GRID_SIZE = 0.02  # metres, in every released recipe
COLOR_AND_NORMAL = 6  # channels
COLORS = "They were trained on colours from -1 to 1: NormalizeColor(symmetric=True), or color / 127.5 - 1"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def import_release(source: Path, out: Path, activation: str = "", conditions: str = "") -> str:
    """Released weights in `source`, a checkpoint or a bare state dict, to ours in `out`: a line on each.

    An `out` that ends in .pth becomes a checkpoint for `-w` of train and test; any other a folder for
    `from_pretrained`, whose config needs what weights do not tell: `activation`, gelu or relu, and with norms
    by data set `conditions`, their names. Raises ValueError naming the file and what is wrong.
    """
    check_out(source, out)
    given, epoch = read_weights(source)
    if not is_released(given):
        raise ValueError(
            f"{source} holds no weights of the authors' release (a name there: {next(iter(given))})"
        )
    weights = convert(from_release, given, source)
    backbone, classes = describe(weights)
    if out.suffix == CHECKPOINT:
        if activation or conditions:
            raise ValueError(
                f"{out}: a checkpoint has no place for --activation and --conditions: its config has"
            )
        save_checkpoint(out, {"epoch": epoch, "state_dict": weights})
        purpose = f"for -w {out} of train and test"
    else:
        backbone["use_gelu"] = read_activation(activation, classes)
        backbone.update(read_conditions(conditions, backbone))
        recipe = released_recipe(backbone, classes)
        write_pretrained(out, weights, model_config(weights, backbone, classes), recipe)
        purpose = f"for ffnet3d.from_pretrained({str(out)!r})"
    summary = summarize(weights, backbone, classes)
    return f"Read {source}: released weights, {summary}\nWrote {out}: weights of FFNet3D, {purpose}\n{COLORS}"


def export_release(source: Path, out: Path) -> str:
    """Our weights in `source`, a .pth, a .safetensors or a folder with one, to released ones: a line on each.

    `out`, a .pth, is what the released code loads strictly. Raises ValueError naming the file and what is
    wrong.
    """
    check_out(source, out)
    if out.suffix != CHECKPOINT:
        raise ValueError(f"{out}: the released code reads checkpoints: let the name end in {CHECKPOINT}")
    given, epoch = read_weights(source)
    if is_released(given):
        raise ValueError(f"{source} holds weights of the authors' release already")
    weights = convert(to_release, given, source)
    save_checkpoint(out, {"epoch": epoch, "state_dict": weights})
    summary = summarize(weights, *describe(given))
    return (
        f"Read {source}: weights of FFNet3D, {summary}\nWrote {out}: released names and layout, epoch {epoch}"
    )


def check_out(source: Path, out: Path) -> None:
    """ValueError where the result would replace what is read."""
    if source.resolve() == out.resolve():
        raise ValueError(f"{out} is what is read: give the result another name")


def read_weights(path: Path) -> tuple[dict[str, Tensor], int]:
    """The state dict in a checkpoint, a bare one, or in a .safetensors or a folder with it; and its epoch."""
    if path.is_dir():
        if not (path / WEIGHTS).is_file():
            raise ValueError(
                f"{path} has no {WEIGHTS}: name the file, such as a .pth of a run's model/ folder"
            )
        path = path / WEIGHTS
    if path.suffix == ".safetensors":
        return read_safetensors(path), 0
    found = read_file(path)
    weights = found.get("state_dict", found) if isinstance(found, Mapping) else None
    if (
        not isinstance(weights, Mapping)
        or not weights
        or not all(isinstance(v, Tensor) for v in weights.values())
    ):
        raise ValueError(f"{path} holds neither a checkpoint (a dict with a 'state_dict') nor a state dict")
    return dict(weights), int(found.get("epoch", 0)) if weights is not found else 0


def convert(
    change: Callable[[Mapping[str, Tensor]], dict[str, Tensor]], weights: Mapping[str, Tensor], source: Path
) -> dict[str, Tensor]:
    """`change(weights)` in float32; its ValueError names the file."""
    try:
        changed = change(weights)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return {name: value.float() if value.is_floating_point() else value for name, value in changed.items()}


def read_activation(activation: str, classes: int | None) -> bool:
    """Whether the blocks' activation is GELU; ValueError where that is not said."""
    if activation not in ACTIVATIONS:
        recipe = "relu in the released S3DIS recipe" if classes == S3DIS_CLASSES else "gelu on ScanNet"
        got = f"--activation {activation} is none" if activation else "weights do not tell the activation"
        raise ValueError(f"{got}: give --activation gelu or relu ({recipe})")
    return ACTIVATIONS[activation]


def read_conditions(conditions: str, backbone: Mapping[str, Any]) -> dict[str, Any]:
    """The backbone's `pdnorm_conditions` where it has norms by data set; ValueError for any other number."""
    names = tuple(name.strip() for name in conditions.split(",") if name.strip())
    wanted = len(backbone.get("pdnorm_conditions", ()))
    if len(names) != wanted:
        raise ValueError(
            f"these weights have norms for {wanted} data sets: give --conditions with {wanted} names "
            f"in their order, separated by commas (pdnorm_conditions of the config), got {conditions!r}"
        )
    return {"pdnorm_conditions": names} if names else {}


def model_config(
    weights: Mapping[str, Tensor], backbone: dict[str, Any], classes: int | None
) -> dict[str, Any]:
    """The `type=` dict of the model with these weights: a segmentor, or a bare backbone."""
    config = {"type": "FFNet3D", **backbone}
    if not any(name.startswith(BACKBONE) for name in weights):
        return config
    return {
        "type": "DefaultSegmentorV2",
        "num_classes": classes or 0,
        "backbone_out_channels": FFNet3DConfig(**backbone).out_channels,
        "backbone": config,
        "criteria": CRITERIA,
    }


def released_recipe(backbone: Mapping[str, Any], classes: int | None) -> dict[str, Any]:
    """What config.json says beside the model, so that `ffnet3d segment` knows how it was trained."""
    recipe: dict[str, Any] = {"grid_size": GRID_SIZE, "symmetric_color": True}
    names = {len(known): list(known) for known in (S3DIS13, SCANNET20, SCANNET200)}.get(classes or 0)
    if names is not None:
        recipe["classes"] = names
    if backbone["in_channels"] == COLOR_AND_NORMAL:
        recipe["features"] = ["color", "normal"]
    return recipe


def summarize(weights: Mapping[str, Tensor], backbone: Mapping[str, Any], classes: int | None) -> str:
    """Parameters, blocks of the stages, and classes, in words."""
    parameters = sum(value.numel() for name, value in weights.items() if not name.endswith(STATISTICS))
    encoder = ",".join(map(str, backbone["enc_depths"]))
    decoder = ",".join(map(str, backbone.get("dec_depths", ()))) or "none"
    head = f"{classes} classes" if classes else "no head"
    return f"{parameters:,} parameters, encoder {encoder}, decoder {decoder}, {head}"
