"""What a config's `hooks`, `train` and `test` ask of this engine: they name what it does anyway.

They are Pointcept's, with their arguments; a few of these are settings of this engine too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ffnet3d.engine.config import Config

Arguments = Mapping[str, tuple[str, ...]]

HOOKS: Arguments = {
    "CheckpointLoader": ("keywords", "replacement", "strict"),
    "ModelHook": (),
    "IterationTimer": ("warmup_iter",),
    "InformationWriter": (),
    "SemSegEvaluator": ("write_cls_iou",),
    "CheckpointSaver": ("save_freq",),
    "PreciseEvaluator": ("test_last",),
    # These change no result, and nothing here.
    "DataCacheOperator": ("data_root", "split"),
    "GarbageHandler": ("interval", "disable_auto", "empty_cache"),
}
TRAINERS: Arguments = {"DefaultTrainer": ()}
TESTERS: Arguments = {"SemSegTester": ("verbose",)}

SEGMENTATION = "this engine does semantic segmentation alone"
PROFILER = "ffnet3d bench measures where the time goes"

# Further ones of Pointcept, and why they cannot be had here.
REFUSED: Mapping[str, str] = {
    "ClsEvaluator": SEGMENTATION,
    "InsSegEvaluator": SEGMENTATION,
    "PartNetEPartSegEvaluator": SEGMENTATION,
    "ShapeNetPartSegEvaluator": SEGMENTATION,
    "RuntimeProfiler": PROFILER,
    "RuntimeProfilerV2": PROFILER,
    "WeightDecaySchedular": "the weight decay is constant here: optimizer.weight_decay",
    "MultiDatasetTrainer": "this engine trains on one data set at a time",
    "PartialSampledTrainer": "each epoch takes all scenes here",
    "ClsTester": SEGMENTATION,
    "ClsVotingTester": SEGMENTATION,
    "DINOSemSegTester": "scenes have no images here",
    "InsSegTester": SEGMENTATION,
    "PartNetEPartSegTester": SEGMENTATION,
    "PartSegTester": SEGMENTATION,
    "ShapeNetPartSegTester": SEGMENTATION,
}


def has_hook(config: Config, name: str) -> bool:
    """Whether `config.hooks` lists that hook."""
    return any(hook["type"] == name for hook in config.hooks)


def hook_argument(config: Config, name: str, argument: str) -> Any:
    """The argument of the hook of that name; None where the hook or the argument is absent."""
    return next((hook.get(argument) for hook in config.hooks if hook["type"] == name), None)


def weight_renaming(config: Config) -> Callable[[str], str]:
    """The name in the network of each name in the file of `config.weight`, by CheckpointLoader's arguments.

    The first `keywords` in a name becomes `replacement`. Both count with "module." before the name, whether
    or not it stands there in the file, and names come out without it.
    """
    from ffnet3d.models.release import WRAPPER  # reading a config needs no network

    keywords = hook_argument(config, "CheckpointLoader", "keywords") or ""
    replacement = hook_argument(config, "CheckpointLoader", "replacement")

    def rename(name: str) -> str:
        wrapped = WRAPPER + name.removeprefix(WRAPPER)
        if keywords and replacement is not None:
            wrapped = wrapped.replace(keywords, replacement, 1)
        return wrapped.removeprefix(WRAPPER)

    return rename
