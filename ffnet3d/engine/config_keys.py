"""The settings that a config may have at its top level: what each holds, and its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """What values a setting takes: in words, and as a test."""

    says: str
    holds: Callable[[Any], bool]

    def or_none(self) -> Kind:
        """The same kind, or None."""
        return Kind(f"{self.says} or None", lambda value: value is None or self.holds(value))


@dataclass(frozen=True)
class Key:
    """A setting; `required` ones have no default."""

    kind: Kind
    default: Any = None
    required: bool = False


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value)


FLAG = Kind("True or False", lambda value: isinstance(value, bool))
COUNT = Kind("a whole number of 1 or more", lambda value: _is_whole(value) and value >= 1)
WHOLE = Kind("a whole number of 0 or more", lambda value: _is_whole(value) and value >= 0)
POSITIVE = Kind("a number above 0", lambda value: _is_number(value) and value > 0)
SHARE = Kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
TEXT = Kind("a text", lambda value: isinstance(value, str))
DICT = Kind("a dict", lambda value: isinstance(value, Mapping))
DICTS = Kind(
    "a list of dicts",
    lambda value: isinstance(value, (list, tuple)) and all(isinstance(item, Mapping) for item in value),
)
AMP_DTYPE = Kind("'float16' or 'bfloat16'", lambda value: value in ("float16", "bfloat16"))

DEFAULT_HOOKS = (
    {"type": "CheckpointLoader"},
    {"type": "IterationTimer", "warmup_iter": 2},
    {"type": "InformationWriter"},
    {"type": "SemSegEvaluator"},
    {"type": "CheckpointSaver", "save_freq": None},
    {"type": "PreciseEvaluator", "test_last": False},
)

KEYS: Mapping[str, Key] = {
    # what is trained, on what, how: every config says
    "model": Key(DICT, required=True),
    "data": Key(DICT, required=True),
    "optimizer": Key(DICT, required=True),
    "scheduler": Key(DICT, required=True),
    "param_dicts": Key(DICTS.or_none()),  # parameter groups: [dict(keyword="block", lr=...)]
    # the run
    "weight": Key(TEXT.or_none()),  # checkpoint to start from
    "resume": Key(FLAG, False),  # go on with the run in save_path
    "evaluate": Key(FLAG, True),  # evaluate on data.val after each epoch
    "test_only": Key(FLAG, False),  # refused in training: see scripts/test.sh
    "seed": Key(WHOLE.or_none()),  # None: drawn once, and written to the run's config
    "save_path": Key(TEXT, "exp/default"),
    "num_worker": Key(WHOLE, 16),  # loading processes, over all devices
    "batch_size": Key(COUNT, 16),  # scenes a step, over all devices
    "batch_size_val": Key(COUNT.or_none()),  # None: one scene a device
    "batch_size_test": Key(COUNT.or_none()),  # without effect
    "gradient_accumulation_steps": Key(COUNT, 1),
    "epoch": Key(COUNT, 100),  # passes over the training scenes
    "eval_epoch": Key(COUNT, 100),  # evaluations and checkpoints; divides epoch
    "clip_grad": Key(POSITIVE.or_none()),  # largest norm of the gradient
    "sync_bn": Key(FLAG, False),  # batch norm over all devices
    "enable_amp": Key(FLAG, False),  # mixed precision
    "amp_dtype": Key(AMP_DTYPE, "float16"),
    "empty_cache": Key(FLAG, False),  # give unused GPU memory back after each step
    "empty_cache_per_epoch": Key(FLAG, False),  # the same after each epoch
    "find_unused_parameters": Key(FLAG, False),
    "mix_prob": Key(SHARE, 0),  # Mix3D: probability of joining the scenes of a batch in pairs
    "hooks": Key(DICTS, DEFAULT_HOOKS),
    "train": Key(DICT, {"type": "DefaultTrainer"}),
    "test": Key(DICT, {"type": "SemSegTester", "verbose": True}),
    # Pointcept's engine only
    "custom_imports": Key(DICT.or_none()),  # what it imports first: dict(imports=["ffnet3d.pointcept"])
    "enable_wandb": Key(FLAG, False),
    "wandb_project": Key(TEXT, "ffnet3d"),
    "wandb_key": Key(TEXT.or_none()),
    # this engine only
    "backend": Key(TEXT, "auto"),  # of the convolutions
    "save_steps": Key(COUNT.or_none()),  # checkpoint every so many steps as well
    "log_interval": Key(COUNT, 1),  # steps between lines of metrics.jsonl
    "report": Key(FLAG, True),  # write result/report.html at the end
}

# Names that config files set for their own use further down, and the setting that counts instead.
VARIABLES: Mapping[str, str] = {
    "dataset_type": "data.train.type, data.val.type and data.test.type",
    "data_root": "data.train.data_root, data.val.data_root and data.test.data_root",
    "num_classes": "data.num_classes and model.num_classes",
    "ignore_index": "data.ignore_index",
    "names": "data.names",
    "class_names": "data.names",
}
