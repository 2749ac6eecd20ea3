"""Bad input through the command: one line on stderr that says what, where and what to do, and status 2."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import write_config, write_room

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d import cli
from ffnet3d.engine.checkpoint import load_checkpoint
from ffnet3d.engine.logs import close_logging

TRAIN = "train -d rooms -c run_config.py -n new epoch=1 eval_epoch=1 hooks=[] evaluate=False"
TEST = "test -d rooms -n old"
ROOM = Path("rooms/Area_1/room_0")
LAST = Path("exp/rooms/old/model/model_last.pth")


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its status, and what it wrote to stderr besides the log."""

    status: int
    errors: list[str]


Command = Callable[[str], Outcome]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """One thread, as the nets are tiny, and no log file left open."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    close_logging()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the words of a command as its users do; an exception that escapes fails the test."""

    def run(words: str) -> Outcome:
        monkeypatch.setattr("sys.argv", ["ffnet3d", *words.split()])
        status: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        lines = capsys.readouterr().err.splitlines()
        return Outcome(status, [line for line in lines if " INFO] " not in line])

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rooms, a config, and the run `old` trained for two steps."""
    folder = tmp_path_factory.mktemp("finished")
    write_config(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["ffnet3d", *TRAIN.replace("new", "old").split()])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
    return folder


@pytest.fixture
def workplace(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished folder, to spoil, as the current folder."""
    folder = tmp_path / "work"
    shutil.copytree(finished, folder)
    for config in (folder / "run_config.py", folder / "exp/rooms/old/config.py"):
        config.write_text(config.read_text().replace(str(finished), str(folder)))
    monkeypatch.chdir(folder)
    return folder


def cut(file: Path, size: int) -> None:
    """Keep the first bytes of a file."""
    file.write_bytes(file.read_bytes()[:size])


def store(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[], None]:
    """Replaces one array of a training room by what `change` makes of it."""
    return lambda: np.save(ROOM / f"{name}.npy", change(np.load(ROOM / f"{name}.npy")))


def with_first(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Puts a value into the first row of an array."""

    def change(array: np.ndarray) -> np.ndarray:
        array[0] = value
        return array

    return change


def single_points() -> None:
    """Leaves one point of each training room."""
    for file in Path("rooms/Area_1").glob("*/*.npy"):
        np.save(file, np.load(file)[:1])


def loop() -> None:
    """Two configs that are each other's base."""
    Path("one.py").write_text("_base_ = 'two.py'")
    Path("two.py").write_text("_base_ = 'one.py'")


def misspell() -> None:
    """A key of the config file with two letters swapped."""
    file = Path("run_config.py")
    file.write_text(file.read_text().replace("batch_size", "batch_szie"))


def nothing() -> None:
    """The words of the command are the mistake."""


@pytest.mark.parametrize(
    ("spoil", "words", "text"),
    [
        pytest.param(spoil, words, text, id=name)
        for name, spoil, words, text in [
            (
                "missing array",
                lambda: (ROOM / "coord.npy").unlink(),
                TRAIN,
                "rooms/Area_1/room_0/coord.npy is missing: a scene folder needs coord.npy [N, 3] in metres",
            ),
            (
                "truncated array",
                lambda: cut(ROOM / "color.npy", 200),
                TRAIN,
                "room_0/color.npy: not a whole .npy array",
            ),
            (
                "different lengths",
                store("segment", lambda array: array[:-5]),
                TRAIN,
                "room_0/segment.npy: 235 rows, but coord.npy has 240 points",
            ),
            (
                "NaN",
                store("coord", with_first(np.nan)),
                TRAIN,
                "room_0/coord.npy: 1 of 240 rows hold NaN or infinity (first: row 0, [nan, nan, nan])",
            ),
            (
                "infinity",
                store("coord", with_first(np.inf)),
                TRAIN,
                "room_0/coord.npy: 1 of 240 rows hold NaN or infinity (first: row 0, [inf, inf, inf])",
            ),
            (
                "empty scene",
                store("coord", lambda array: array[:0]),
                TRAIN,
                "room_0/coord.npy: an empty scene (0 points); delete the folder or prepare it again",
            ),
            (
                "label outside the classes",
                store("segment", with_first(13)),
                TRAIN,
                "room_0/segment.npy: label 13 at 1 of 240 points; labels run from 0 to 12 (13 classes)",
            ),
            (
                "one point",
                single_points,
                f"{TRAIN} batch_size=1",
                "this batch (1 points) is a single voxel at the coarsest level, and batch norm needs two",
            ),
            (
                "1e7 m",
                store("coord", with_first(1e7)),
                TRAIN,
                "room_0/coord.npy: a coordinate of 1e+07 m; beyond 16384 m",
            ),
            (
                "misspelt key in the file",
                misspell,
                TRAIN,
                "run_config.py: unknown setting 'batch_szie': did you mean 'batch_size'?",
            ),
            (
                "misspelt key among the words",
                nothing,
                f"{TRAIN} epohc=3",
                "run_config.py as overridden: unknown setting 'epohc': did you mean 'epoch'?",
            ),
            (
                "unknown type",
                nothing,
                f"{TRAIN} data.train.transform.0.type=RandomFlop",
                "data.train.transform[0]: unknown transform type 'RandomFlop': did you mean 'RandomFlip'?",
            ),
            (
                "loop of bases",
                loop,
                TRAIN.replace("run_config.py", "one.py"),
                "one.py is its own base (one.py -> two.py -> one.py): take one _base_ out",
            ),
            (
                "checkpoint of another network",
                nothing,
                f"{TEST} -w model_last model.backbone.enc_channels=[6,12]",
                f"the weights of {LAST} are of another network: 35 of another shape",
            ),
            (
                "truncated checkpoint",
                lambda: cut(LAST, 3000),
                f"{TEST} -w model_last",
                f"{LAST} (3000 bytes) is truncated, is no checkpoint, or holds more than",
            ),
            (
                "truncated checkpoint to resume from",
                lambda: cut(LAST, 3000),
                "train -d rooms -n old -r true",
                f"{LAST} (3000 bytes) is truncated, is no checkpoint, or holds more than",
            ),
            (
                "no checkpoint",
                lambda: Path("notes.pth").write_text("hello"),
                f"{TRAIN} -w notes.pth",
                "notes.pth (5 bytes) is truncated, is no checkpoint, or holds more than",
            ),
            (
                "no data root",
                nothing,
                f"{TRAIN} -D nowhere",
                "data root nowhere does not exist: name the data set's folder (-D DATA_ROOT, data_root=...)",
            ),
        ]
    ],
)
@pytest.mark.usefixtures("workplace")
def test_bad_input_ends_in_one_line(
    command: Command, spoil: Callable[[], object], words: str, text: str
) -> None:
    spoil()
    outcome = command(words)
    assert outcome.status == 2
    assert len(outcome.errors) == 1, outcome.errors
    assert outcome.errors[0].startswith("ffnet3d: ")
    assert text in outcome.errors[0]


@pytest.mark.usefixtures("workplace")
def test_no_space_left_keeps_the_former_checkpoint(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    save, saved = torch.save, []

    def second_fills_the_disk(state: Any, file: Any) -> None:
        saved.append(state["step"])
        if len(saved) > 1:
            file.write(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(state, file)

    monkeypatch.setattr(torch, "save", second_fills_the_disk)
    outcome = command(f"{TRAIN} epoch=3 eval_epoch=3")
    last = Path("exp/rooms/new/model/model_last.pth")
    assert outcome.status == 2
    assert len(outcome.errors) == 1
    assert f"cannot write {last}: No space left on device; the former file is untouched" in outcome.errors[0]
    assert load_checkpoint(last)["step"] == saved[0] < saved[1]
    assert [file.name for file in last.parent.iterdir()] == [last.name]


@pytest.mark.usefixtures("workplace")
def test_ten_thousand_points_in_one_voxel_are_trained_on_and_labelled(command: Command) -> None:
    for room in (ROOM, Path("rooms/Area_2/room_0")):
        shutil.rmtree(room)
        write_room(room, seed=0)
        for file in room.glob("*.npy"):
            array = np.load(file)
            np.save(file, np.concatenate([array, array[:1].repeat(10_000, 0)]))
    thinned = (
        "data.test.transform=[{'type':'Copy','keys_dict':{'segment':'origin_segment'}},"
        "{'type':'GridSample','grid_size':0.05,'return_inverse':True},{'type':'NormalizeColor'}]"
    )
    assert command(TRAIN.replace("evaluate=False", "evaluate=True")).errors == []
    assert command(f"test -d rooms -n new -w model_last {thinned}") == Outcome(0, [])
    labels = np.load("exp/rooms/new/result/Area_2-room_0_pred.npy")
    assert labels.shape == (10_240,)
    assert len(set(labels[240:])) == 1


@pytest.mark.usefixtures("workplace")
def test_one_point_is_labelled(command: Command) -> None:
    room = Path("rooms/Area_2/room_1")
    for file in room.glob("*.npy"):
        np.save(file, np.load(file)[:1])
    assert command(f"{TEST} -w model_last") == Outcome(0, [])
    assert np.load("exp/rooms/old/result/Area_2-room_1_pred.npy").shape == (1,)
