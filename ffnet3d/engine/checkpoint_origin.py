"""Where a tested checkpoint comes from: how it was chosen, and on which scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ffnet3d.data.splits import list_scenes
from ffnet3d.engine.checkpoint import load_checkpoint
from ffnet3d.engine.config import Config, load_config
from ffnet3d.engine.events import FILE
from ffnet3d.engine.run_folder import RunFolder


@dataclass(frozen=True)
class CheckpointOrigin:
    """What is known of a checkpoint; None where neither it nor its run's folder tells."""

    file: str  # its name, without the folder
    choice: str  # such as "best of 12 evaluations on split Area_5", "last", "given"
    epoch: int | None = None  # epochs that were done when it was written
    seed: int | None = None  # of the training
    train_split: str | None = None
    chosen_on: int = 0  # of the tested scenes, those of the evaluations that chose it
    trained_on: int = 0  # of the tested scenes, those that it was trained on


def checkpoint_origin(weight: Path, tested: Config) -> CheckpointOrigin:
    """The origin of the checkpoint `weight`, which is tested on `tested.data.test`.

    A file RUN/model/NAME.pth is of the run in that folder, whose config.py and metrics.jsonl tell more.
    """
    epoch, seed = written_facts(weight)
    weight = weight.resolve()
    run = RunFolder(weight.parent.parent)
    trained = trained_config(run) if weight.parent.name == "model" else None
    if trained is None:
        return CheckpointOrigin(weight.name, "given", epoch, seed)
    best = weight.name == run.model_best.name and "val" in trained.data
    return CheckpointOrigin(
        file=weight.name,
        choice=choice_of_best(run, trained) if best else choice_of_other(weight, run),
        epoch=epoch,
        seed=seed,
        train_split=split_name(trained.data.train) if "train" in trained.data else None,
        chosen_on=shared_scenes(trained, tested, "val") if best else 0,
        trained_on=shared_scenes(trained, tested, "train"),
    )


def written_facts(weight: Path) -> tuple[int | None, int | None]:
    """Epoch and seed that a checkpoint holds; None for files that do not have them."""
    if weight.suffix == ".safetensors":
        return None, None
    try:
        checkpoint = load_checkpoint(weight, mmap=True)
    except ValueError:  # no mapping of files in the format before PyTorch 1.6
        checkpoint = load_checkpoint(weight)
    epoch, own = checkpoint.get("epoch"), checkpoint.get("ffnet3d")
    seed = own.get("seed") if isinstance(own, dict) else None
    return (epoch if isinstance(epoch, int) else None), (seed if isinstance(seed, int) else None)


def trained_config(run: RunFolder) -> Config | None:
    """The config of the run in that folder; None where there is none that can be read."""
    try:
        return load_config(run.config) if run.config.is_file() else None
    except ValueError:
        return None


def choice_of_best(run: RunFolder, trained: Config) -> str:
    """How a run chose its model_best."""
    file = run.root / FILE
    lines = file.read_bytes().splitlines() if file.is_file() else []
    count = sum(b'"kind": "eval"' in line for line in lines)
    among = f"of {count} evaluations " if count else ""
    return f"best {among}on split {split_name(trained.data.val)}"


def choice_of_other(weight: Path, run: RunFolder) -> str:
    """How any other checkpoint in a run's folder was chosen."""
    return "last" if weight.name == run.model_last.name else "given"


def shared_scenes(trained: Config, tested: Config, part: str) -> int:
    """How many of the tested scenes are among those of `trained.data[part]`.

    These are looked for where the tested config has that part's scenes: the data may have moved since.
    """
    if part not in trained.data:
        return 0
    place = tested.data.get(part, trained.data[part])
    former = scene_paths(data_root(place), split_of(trained.data[part]))
    return len(former & scene_paths(data_root(tested.data.test), split_of(tested.data.test)))


def scene_paths(root: Path, split: str | Sequence[str]) -> set[Path]:
    """The scene folders of a split; none where it is not there."""
    try:
        return {path.resolve() for path in list_scenes(root, split)}
    except ValueError:
        return set()


def data_root(part: Config) -> Path:
    """The folder of a data set's scenes; its default where the config leaves it out."""
    return Path(part.get("data_root", "data")).expanduser()


def split_of(part: Config) -> str | Sequence[str]:
    """A data set's split, or its default."""
    split: str | Sequence[str] = part.get("split", "train")
    return split


def split_name(part: Config) -> str:
    """A data set's split, or splits, as a text."""
    split = split_of(part)
    return split if isinstance(split, str) else ", ".join(split)
