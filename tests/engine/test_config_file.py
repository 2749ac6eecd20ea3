"""The dialect of config files: bases, merging, what is a setting, and errors that name file and line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ffnet3d.data.classes import SCANNET20, SCANNET200
from ffnet3d.engine.config_file import format_config, plain, read_config_file

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a config file of that name and returns its path."""

    def to_file(text: str, name: str = "config.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return to_file


def read(path: Path, *known: str) -> dict[str, Any]:
    return read_config_file(path, lambda *_: None, known)


def test_settings_are_the_plain_names_of_a_file(write: Write) -> None:
    path = write(
        "import math\nfrom pathlib import Path\n_angle = 1 / 2\nNAMES = ('wall', 'floor')\n"
        "def double(x):\n    return 2 * x\n"
        "epoch = double(4)\nnames = NAMES\nangle = _angle\nsave_path = Path('exp') / 'a'\n"
    )
    assert read(path) == {"epoch": 8, "names": ("wall", "floor"), "angle": 0.5, "save_path": "exp/a"}


def test_a_name_that_its_file_reads_is_a_setting_only_where_it_is_known(write: Write) -> None:
    path = write("epoch = 4\nscale = 2\nsteps = epoch * scale\nunread = scale")
    assert read(path, "epoch") == {"epoch": 4, "steps": 8, "unread": 2}
    write("scale = 3\nlr = 2 * scale", "base.py")
    assert read(write("_base_ = 'base.py'\nscale = 5")) == {"lr": 6, "scale": 5}


SCANNET_CONSTANTS = "pointcept.datasets.preprocessing.scannet.meta_data.scannet200_constants"


def test_pointcepts_class_names_are_known_without_it(write: Write) -> None:
    path = write(
        f"from {SCANNET_CONSTANTS} import CLASS_LABELS_200, CLASS_LABELS_20 as few\n"
        "data = dict(names=CLASS_LABELS_200, few=few)"
    )
    assert read(path)["data"] == {"names": SCANNET200, "few": SCANNET20}
    assert SCANNET_CONSTANTS not in sys.modules


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (f"from {SCANNET_CONSTANTS} import (\n    CLASS_LABELS_200,\n    ABSENT,\n)", "ABSENT"),
        ("import pointcept.absent as absent", "pointcept.absent"),
    ],
)
def test_other_imports_from_pointcept_say_what_to_do(write: Write, line: str, names: str) -> None:
    text = (
        r"config.py, line 2: \w+Error: .*pointcept.* of Pointcept's names this engine has CLASS_LABELS_20, "
        f"CLASS_LABELS_200; write what {names} stands for into the file, or put Pointcept on the path"
    )
    with pytest.raises(ValueError, match=text):
        read(write(f"epoch = 1\n{line}\n"))


def test_dicts_are_merged_into_the_base_and_the_rest_replaces_it(write: Write) -> None:
    write("model = dict(a=1, b=dict(c=2, d=3), e=[1, 2])\nepoch = 1\nkept = 'x'", "_base_/runtime.py")
    path = write(
        "_base_ = '../_base_/runtime.py'\nmodel = dict(b=dict(c=5), e=[3])\nepoch = 2", "demo/config.py"
    )
    assert read(path) == {"model": {"a": 1, "b": {"c": 5, "d": 3}, "e": [3]}, "epoch": 2, "kept": "x"}


def test_a_dict_with_delete_replaces_that_of_the_base(write: Write) -> None:
    write("scheduler = dict(type='OneCycleLR', max_lr=1)\nepoch = 3", "base.py")
    path = write(
        "_base_ = ['base.py']\nscheduler = dict(_delete_=True, type='CosineAnnealingLR')\n"
        "epoch = dict(_delete_=True, a=[dict(_delete_=True, b=1)])"
    )
    assert read(path) == {"scheduler": {"type": "CosineAnnealingLR"}, "epoch": {"a": [{"b": 1}]}}


def test_a_dict_does_not_merge_into_something_else(write: Write) -> None:
    write("data = dict(train=[1])", "base.py")
    path = write("_base_ = ['base.py']\ndata = dict(train=dict(loop=1))")
    with pytest.raises(
        ValueError, match=r"config.py.data.train is a dict, but \[1\] in the base.*_delete_=True"
    ):
        read(path)


def test_several_bases_may_not_set_the_same_name(write: Write) -> None:
    write("epoch = 1", "first.py")
    write("seed = 1", "second.py")
    assert read(write("_base_ = ['first.py', 'second.py']")) == {"epoch": 1, "seed": 1}
    write("seed = 1\nepoch = 2", "second.py")
    with pytest.raises(ValueError, match=r"config.py: two of its bases set epoch; only one may"):
        read(write("_base_ = ['first.py', 'second.py']"))


def test_a_loop_of_bases_is_named(write: Write) -> None:
    write("_base_ = 'b.py'", "a.py")
    write("_base_ = ['sub/../a.py']", "b.py")
    write("", "sub/none.py")
    with pytest.raises(ValueError, match=r"is its own base \(a.py -> b.py -> a.py\)"):
        read(write("_base_ = 'b.py'", "a.py"))


def test_files_that_are_not_there_are_named(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no config file .*absent.py$"):
        read(tmp_path / "absent.py")
    with pytest.raises(ValueError, match=r"there is no config file .*absent.py \(a base of .*config.py\)"):
        read(write("_base_ = 'absent.py'"))
    with pytest.raises(ValueError, match=r"config.py: _base_ is 3, not a path"):
        read(write("_base_ = 3"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("epoch = 1\nmodel = dict(\n", "line 2: '\\(' was never closed"),
        ("epoch = 1\n\nseed = epochs\n", "line 3: NameError: name 'epochs' is not defined"),
        ("import absent_module", "line 1: ModuleNotFoundError"),
        ("epoch = 1\nseed = {1, 2}", r"config.py: seed is \{1, 2\}: a config holds numbers"),
        ("model = dict(a=[1, dict(b=object)])", r"model.a\[1\].b is <class 'object'>"),
        ("clip_grad = float('inf')", "clip_grad is inf"),
        ("epoch = 1\n\0", "config.py, line 1: "),
    ],
)
def test_what_cannot_be_read_is_named(write: Write, text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        read(write(text))


def test_each_file_is_checked_by_its_own_name(write: Write) -> None:
    seen: dict[str, set[str]] = {}

    def note(settings: Mapping[str, Any], file: str) -> None:
        seen[Path(file).name] = set(settings)

    write("epoch = 1", "base.py")
    read_config_file(write("_base_ = 'base.py'\nseed = 2"), note)
    assert seen == {"base.py": {"epoch"}, "config.py": {"seed"}}


def test_written_settings_read_back_the_same(write: Write) -> None:
    settings = {
        "names": ("a" * 80, 'it\'s "b"', "\u00e4\\n\n"),
        "empty": {"list": [], "tuple": (), "dict": {}, "single": (1,)},
        "numbers": [1e-9, 0.1, -5, 10**20, True, None],
        "keys": {"not a name": 1, "class": 2},
        "transform": [{"type": "A", "angle": [-1 / 64, 1 / 64]}] * 3,
    }
    path = write(format_config(settings))
    assert read(path) == settings


def test_plain_copies_and_keeps_lists_and_tuples_apart() -> None:
    inner = [1]
    copied = plain({"a": (inner, Path("x"))}, "config")
    assert copied == {"a": ([1], "x")}
    assert copied["a"][0] is not inner
