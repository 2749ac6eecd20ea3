"""Checks of a config before any work starts. Each error names the place, e.g. `data.train.transform[3]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ffnet3d.engine.config_keys import KEYS, VARIABLES
from ffnet3d.engine.hooks import HOOKS, REFUSED, TESTERS, TRAINERS
from ffnet3d.registry import nearest

Node = Mapping[str, Any]

# Settings of Pointcept's engine that change nothing here, and why.
WITHOUT_EFFECT: Mapping[str, str] = {
    "batch_size_test": "the tester takes one fragment of one scene at a time",
    "enable_wandb": "this engine writes metrics.jsonl and TensorBoard events",
}

DATA_KEYS = ("num_classes", "ignore_index", "names", "train", "val", "test")
GROUP_KEYS = ("keyword", "lr", "momentum", "weight_decay")


def check_keys(settings: Node, source: str) -> None:
    """ValueError naming `source` and a top-level setting that is not known, or holds what it cannot."""
    for name, value in settings.items():
        if name in VARIABLES:
            continue
        if name not in KEYS:
            hint = nearest(name, [*KEYS, *VARIABLES])
            helpers = "a helper of the file is in capitals, or is read further down in it"
            raise ValueError(f"{source}: unknown setting {name!r}: {hint} ({helpers})")
        if not KEYS[name].kind.holds(value):
            raise ValueError(f"{source}: {name} is {value!r}, not {KEYS[name].kind.says}")


def validate_config(config: Node) -> None:
    """Raise ValueError naming the place of an unknown type, a wrong argument, or settings that contradict."""
    check_keys(config, "config")
    for name, key in KEYS.items():
        if key.required and name not in config:
            raise ValueError(f"config: {name} is missing, and has no default")
    check_model(config["model"])
    check_optimisation(config)
    check_data(config["data"], config["model"])
    for index, hook in enumerate(config.get("hooks", ())):
        check_named(hook, HOOKS, f"hooks[{index}]")
    check_named(config.get("train", {"type": "DefaultTrainer"}), TRAINERS, "train")
    check_named(config.get("test", {"type": "SemSegTester"}), TESTERS, "test")


def settings_without_effect(config: Node) -> list[str]:
    """A sentence for each setting that asks for something that does not happen."""
    found = [
        f"{name}={config[name]!r} has no effect here: {reason}"
        for name, reason in WITHOUT_EFFECT.items()
        if config.get(name)
    ]
    if any(hook.get("strict") is False for hook in config["hooks"]):
        found.append("CheckpointLoader's strict=False has no effect here: all weights must be there, and fit")
    rate, largest = config["optimizer"].get("lr"), config["scheduler"].get("max_lr")
    first = largest[0] if isinstance(largest, Sequence) else largest
    if None not in (rate, first) and rate != first:
        found.append(f"optimizer.lr={rate!r} has no effect: scheduler.max_lr={largest!r} sets the rates")
    return found + warn_of_colors(config)


def warn_of_colors(config: Node) -> list[str]:
    """A sentence where a config in the release's dialect (type="ffnet") means other colours than it gets."""
    if config["model"].get("backbone", {}).get("type") != "ffnet":
        return []
    parts = [config["data"][part] for part in ("train", "val", "test") if part in config["data"]]
    steps = [step for part in parts for step in part.get("transform") or []]
    if all(step.get("symmetric") for step in steps if step["type"] == "NormalizeColor"):
        return []
    return [
        "type='ffnet': NormalizeColor gives colours from 0 to 1, as in Pointcept since version 1.6; the "
        "authors' code gives -1 to 1: for weights of the release set symmetric=True in every NormalizeColor"
    ]


def check_model(model: Node) -> None:
    """The segmentor, its backbone and its losses."""
    from ffnet3d.models import LOSSES, MODELS, FFNet3D, FFNet3DConfig

    with place("model"):
        MODELS.check(model)
    if isinstance(model.get("backbone"), Mapping):
        with place("model.backbone"):
            if MODELS.check(model["backbone"]) is FFNet3D:
                FFNet3DConfig(**{key: value for key, value in model["backbone"].items() if key != "type"})
    for index, loss in enumerate(model.get("criteria") or []):
        with place(f"model.criteria[{index}]"):
            LOSSES.check(loss)


def check_optimisation(config: Node) -> None:
    """Optimizer, parameter groups, schedule."""
    from ffnet3d.engine.optim import OPTIMIZERS, SCHEDULERS

    epoch, eval_epoch = config.get("epoch", 1), config.get("eval_epoch", 1)
    if epoch % eval_epoch:
        raise ValueError(f"config: epoch={epoch} must be a multiple of eval_epoch={eval_epoch}")
    with place("optimizer"):
        OPTIMIZERS.check(config["optimizer"], supplied=("params",))
    with place("scheduler"):
        SCHEDULERS.check(config["scheduler"], supplied=("optimizer", "total_steps"))
    groups = config.get("param_dicts") or []
    for index, group in enumerate(groups):
        with place(f"param_dicts[{index}]"):
            check_known(group, GROUP_KEYS)
            if not isinstance(group.get("keyword"), str):
                raise ValueError("needs a keyword, which names of parameters contain")
    rates = config["scheduler"].get("max_lr")
    if isinstance(rates, (list, tuple)) and len(rates) != len(groups) + 1:
        raise ValueError(
            f"scheduler: max_lr has {len(rates)} rates for {len(groups) + 1} parameter groups "
            "(one for each of param_dicts, after that of all other parameters)"
        )


def check_data(data: Node, model: Node) -> None:
    """Classes, data sets and their transforms."""
    with place("data"):
        check_known(data, DATA_KEYS)
        check_classes(data, model)
    for part in ("train", "val", "test"):
        if part in data:
            check_dataset(data[part], f"data.{part}")


def check_classes(data: Node, model: Node) -> None:
    """One number of classes everywhere."""
    classes = data.get("num_classes")
    if not isinstance(classes, int):
        raise ValueError(f"num_classes is {classes!r}, not a whole number")
    if len(data.get("names", ())) not in (0, classes):
        raise ValueError(f"names has {len(data['names'])} classes, num_classes is {classes}")
    if model.get("num_classes", classes) != classes:
        raise ValueError(f"num_classes is {classes}, but model.num_classes {model['num_classes']}")


def check_dataset(dataset: Node, where: str) -> None:
    """A data set, its transforms, and what its tests do."""
    import ffnet3d.data.datasets  # noqa: F401  (its classes register)
    from ffnet3d.data.fragments import TEST_KEYS
    from ffnet3d.data.registry import DATASETS

    with place(where):
        DATASETS.check(dataset, supplied=("num_classes", "ignore_index", "seed", "loop"))
    check_transforms(dataset.get("transform") or [], f"{where}.transform")
    test = dataset.get("test_cfg")
    if test is None:
        return
    with place(f"{where}.test_cfg"):
        check_known(test, TEST_KEYS)
    for key in ("voxelize", "crop"):
        if test.get(key):
            check_transform(test[key], f"{where}.test_cfg.{key}")
    check_transforms(test.get("post_transform") or [], f"{where}.test_cfg.post_transform")
    for index, view in enumerate(test.get("aug_transform") or []):
        check_transforms(view, f"{where}.test_cfg.aug_transform[{index}]")


def check_transforms(transforms: Sequence[Node], where: str) -> None:
    """Every transform of a list."""
    if not isinstance(transforms, (list, tuple)):
        raise ValueError(f"{where} is {transforms!r}, not a list of transforms")
    for index, transform in enumerate(transforms):
        check_transform(transform, f"{where}[{index}]")


def check_transform(transform: Node, where: str) -> None:
    """One transform, by building it: its constructor checks the values."""
    import ffnet3d.data.transforms  # noqa: F401  (its classes register)
    from ffnet3d.data.registry import TRANSFORMS

    with place(where):
        TRANSFORMS.build(transform)


def check_named(node: Node, known: Mapping[str, tuple[str, ...]], where: str) -> None:
    """A `type=` dict that names no class of this engine, only what it does anyway."""
    with place(where):
        name = str(node.get("type"))
        if name in REFUSED:
            raise ValueError(f"{name} works in Pointcept's engine only: {REFUSED[name]}")
        if name not in known:
            raise ValueError(f"unknown type {name!r}: {nearest(name, known)}")
        check_known(node, ("type", *known[name]))


def check_known(node: Node, known: Sequence[str]) -> None:
    """ValueError for a key that is not among `known`."""
    for key in node:
        if key not in known:
            raise ValueError(f"unknown key {key!r}: {nearest(key, known)}")


@contextmanager
def place(name: str) -> Iterator[None]:
    """Put the place before the text of an error from within, a ValueError or a constructor's TypeError."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from error
