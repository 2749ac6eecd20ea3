"""From the words of the command line to a run: finds the config, the run's folder and the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ffnet3d.engine.config import Config, apply_data_root, load_config
from ffnet3d.engine.logs import setup_logging
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.testing.options import TestOptions
from ffnet3d.registry import nearest

EXPERIMENTS = Path("exp")
FLAGS = {"save_path": "-n", "resume": "-r true", "weight": "-w"}  # settings that the command's flags make


@dataclass(frozen=True)
class TrainRequest:
    """What `ffnet3d train` was asked for."""

    dataset: str  # folder of configs/, first part of the run's folder
    config: str | None  # name in configs/DATASET, or a file; a resumed run needs none
    name: str | None = None  # second part of the run's folder; the config's name by default
    devices: int | None = None  # GPUs or CPU processes on each machine; None: all GPUs, or one process
    machines: int = 1
    weights: Path | None = None
    resume: bool = False
    data_root: Path | None = None
    overrides: tuple[str, ...] = ()

    @property
    def folder(self) -> RunFolder:
        """The run's folder; ValueError where neither a name nor a config tells it."""
        name = self.name or (Path(self.config).stem if self.config else None)
        if name is None or not (self.config or self.resume):
            raise ValueError("name a config with -c, or with -r true the run to go on with by -n")
        return run_folder(self.dataset, name)


@dataclass(frozen=True)
class TestRequest:
    """What `ffnet3d test` was asked for."""

    __test__: ClassVar[bool] = False  # for pytest: this is no test class

    dataset: str
    name: str
    weights: str = "model_best"  # a name in the run's model/, or a file
    config: str | None = None
    devices: int | None = None
    machines: int = 1
    data_root: Path | None = None
    overrides: tuple[str, ...] = ()
    options: TestOptions = TestOptions()  # noqa: RUF009  (frozen)


def run_training(request: TrainRequest) -> None:
    """Train as asked. ValueError where the request does not fit what is there."""
    from ffnet3d.engine.train import train

    config = training_config(request)
    prepare_demo(request.dataset, config)
    train(config, devices=request.devices, machines=request.machines)


def run_testing(request: TestRequest) -> None:
    """Test as asked. ValueError where the request does not fit what is there."""
    from ffnet3d.engine.test import test

    config = testing_config(request)
    weights = find_weights(request)
    prepare_demo(request.dataset, config)
    test(config, weights, request.devices, request.machines, request.options)


def run_folder(dataset: str, name: str) -> RunFolder:
    """Where the results of a run go."""
    return RunFolder(EXPERIMENTS / dataset / name)


def check_overrides(overrides: tuple[str, ...]) -> None:
    """ValueError for a `key=value` that a flag of the command would overwrite."""
    for override in overrides:
        key = override.partition("=")[0]
        if key in FLAGS:
            raise ValueError(f"{override}: use {FLAGS[key]} instead")


def training_config(request: TrainRequest) -> Config:
    """The resolved config of a training, its save_path set; refuses to train over another run."""
    folder = request.folder
    if request.resume:
        folder.check_started()
        return complete_config(request, folder.config)
    folder.check_new()
    return asked_config(request)


def asked_config(request: TrainRequest) -> Config:
    """The resolved config that a new run of this request has."""
    return complete_config(request, find_config(request.dataset, request.config or ""))


def complete_config(request: TrainRequest, file: Path) -> Config:
    """A config file with all that a training's request says besides."""
    check_overrides(request.overrides)
    config = load_config(file, request.overrides)
    config.save_path = str(request.folder.root)
    config.resume = request.resume
    if request.weights is not None:
        config.weight = str(existing_file(request.weights, "-w"))
    return with_data_root(config, request.data_root)


def testing_config(request: TestRequest) -> Config:
    """The config of a test: the run's own unless another is named, which a new folder needs."""
    check_overrides(request.overrides)
    folder = run_folder(request.dataset, request.name)
    if not request.config and not folder.root.is_dir():
        runs = sorted(path.name for path in (EXPERIMENTS / request.dataset).glob("*") if path.is_dir())
        raise ValueError(
            f"there is no run {folder.root} (runs of {request.dataset}: {', '.join(runs) or 'none'}); "
            "a checkpoint from elsewhere needs its config (-c) and its file (-w)"
        )
    if not request.config:
        check_single_run(folder)
    file = find_config(request.dataset, request.config) if request.config else folder.config
    config = load_config(file, request.overrides)
    config.save_path = str(folder.root)
    return with_data_root(config, request.data_root)


def check_single_run(folder: RunFolder) -> None:
    """ValueError for the folder of several runs, such as six folds, which is none itself."""
    parts = ("Area_*", "seed_*", "seed_*/Area_*")
    runs = sorted(file.parent for part in parts for file in folder.root.glob(f"{part}/config.py"))
    if runs and not folder.config.is_file():
        dataset = EXPERIMENTS / folder.root.relative_to(EXPERIMENTS).parts[0]
        name, first = (path.relative_to(dataset) for path in (folder.root, runs[0]))
        raise ValueError(f"{name} is an experiment of several runs: name one, such as -n {first}")


def with_data_root(config: Config, root: Path | None) -> Config:
    """The config with another folder of scenes, if one was given."""
    if root is not None:
        apply_data_root(config, root)
    return config


def find_config(dataset: str, config: str) -> Path:
    """configs/DATASET/CONFIG.py below the current folder or the checkout, or the file that `config` names."""
    if config.endswith(".py"):
        return existing_file(Path(config), "-c")
    roots = [Path("configs"), Path(__file__).parents[2] / "configs"]
    root = next((root for root in roots if root.is_dir()), None)
    if root is None:
        raise ValueError("no configs/ folder here: run in a checkout of ffnet3d, or give -c a .py file")
    if not (root / dataset).is_dir():
        raise ValueError(f"-d {dataset}: {nearest(dataset, dataset_names(root))}")
    file = root / dataset / f"{config}.py"
    if not file.is_file():
        known = [path.stem for path in (root / dataset).glob("*.py")]
        raise ValueError(f"-c {config}: there is no {file}; {nearest(config, known)}")
    return file


def dataset_names(root: Path) -> list[str]:
    """Folders of configs/ that hold data sets' configs."""
    return [path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("_")]


def find_weights(request: TestRequest) -> Path:
    """The checkpoint to test: a name in the run's model/ folder, or a file."""
    named = run_folder(request.dataset, request.name).checkpoint(request.weights)
    if named.is_file():
        return named
    if not Path(request.weights).is_file():
        raise ValueError(
            f"-w {request.weights}: there is neither a checkpoint {named} nor a file of that name"
        )
    return Path(request.weights)


def existing_file(path: Path, option: str) -> Path:
    """The path if it is a file; ValueError naming the option otherwise."""
    if not path.is_file():
        raise ValueError(f"{option}: there is no file {path}")
    return path


def prepare_demo(dataset: str, config: Config) -> None:
    """Make the built-in rooms where the demo's config expects them."""
    if dataset == "demo":
        from ffnet3d.data.demo import make_demo

        setup_logging(None)  # which rooms are made is told
        make_demo(Path(config.data.train.data_root))
