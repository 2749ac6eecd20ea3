"""Configs that Pointcept wrote, or that were written for its older versions, in this engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_run import tiny_config, write_rooms

from ffnet3d.engine.config import Config, dump_config, load_config, validate_config
from ffnet3d.engine.train import train

RECORDED = Path(__file__).parent / "pointcept_dump"


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """The recorded config.py of one of Pointcept's runs, in a run folder beside rooms that it trains on."""
    folder = tmp_path / "run"
    folder.mkdir()
    text = (RECORDED / "dump.txt").read_text().replace("data/rooms", str(write_rooms(tmp_path / "rooms")))
    (folder / "config.py").write_text(text.replace("exp/dumped", str(folder)))
    return folder / "config.py"


def test_what_pointcept_wrote_is_what_it_had_read() -> None:
    source = load_config(RECORDED / "source.py", ["save_path=exp/dumped"])
    source.data.train.loop = source.epoch // source.eval_epoch  # which Pointcept works out beforehand
    written = RECORDED / "dump.txt"
    assert load_config(written) == source
    validate_config(load_config(written))


def test_a_config_of_pointcept_survives_being_written_here(dump: Path, tmp_path: Path) -> None:
    config = load_config(dump)
    dump_config(config, tmp_path / "again.py")
    assert load_config(tmp_path / "again.py") == config


def test_a_run_folder_of_pointcept_goes_on_here(dump: Path) -> None:
    result = train(load_config(dump, ["resume=True"]))
    assert result.steps == 2 * (4 * 2 // 2)  # evaluations x (rooms x loop // batch size)
    assert result.test is not None
    assert result.test.file.is_relative_to(dump.parent)


def older(config: Config) -> Config:
    """The config in the manner of Pointcept 1.5 and of the authors' release."""
    config.model.backbone.update(type="ffnet", order=("z", "hilbert"), shuffle_orders=True, pdnorm_bn=False)
    config.data.val.transform = [
        {"type": "CenterShift", "apply_z": True},
        {"type": "Copy", "keys_dict": {"coord": "origin_coord", "segment": "origin_segment"}},
        {"type": "GridSample", "grid_size": 0.3, "mode": "train", "return_grid_coord": True},
        {"type": "CenterShift", "apply_z": False},
        {"type": "NormalizeColor"},
        {"type": "ToTensor"},
        {
            "type": "Collect",
            "keys": ("coord", "grid_coord", "origin_coord", "segment", "origin_segment"),
            "offset_keys_dict": {"offset": "coord", "origin_offset": "origin_coord"},
            "feat_keys": ("color",),
        },
    ]
    config.data.test.test_cfg.voxelize["keys"] = ("coord", "color")
    return config


def test_an_older_config_trains_and_scores_all_points(tmp_path: Path) -> None:
    config = older(tiny_config(tmp_path, "run", "epoch=1", "eval_epoch=1", "batch_size_val=2"))
    result = train(config)
    assert result.steps == 2
    assert result.best_miou is not None
    assert result.test is not None
