"""What is said of a test's numbers: true of the run that they come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from tiny_run import tiny_config

from ffnet3d.engine.checkpoint import load_checkpoint
from ffnet3d.engine.checkpoint_origin import CheckpointOrigin, checkpoint_origin
from ffnet3d.engine.code_version import PACKAGES, code_version, hash_sources
from ffnet3d.engine.config import apply_data_root
from ffnet3d.engine.distributed import build_fabric, resolve_layout
from ffnet3d.engine.provenance import (
    Provenance,
    cautions,
    describe_test,
    device_name,
    one_line,
    provenance_rows,
)
from ffnet3d.engine.train import train
from ffnet3d.version import __version__


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run, in a folder with its rooms: trained on Area_1, chosen and tested on Area_2."""
    folder = tmp_path_factory.mktemp("provenance")
    train(tiny_config(folder))
    return folder / "run"


def described(run: Path, checkpoint: str = "model_best.pth", *overrides: str) -> Provenance:
    config = tiny_config(run.parent, "run", *overrides)
    fabric = build_fabric(resolve_layout(0, 1))
    counts = {"protocol": "full", "views": 2, "scenes": 3, "points": 720, "scored": 700}
    devices = [device_name(fabric.device), "a GPU"]
    return describe_test(config, run / "model" / checkpoint, fabric, **counts, devices=devices)


def test_the_best_checkpoint_was_chosen_on_the_tested_scenes(run: Path) -> None:
    origin = described(run).checkpoint
    evaluations = [line for line in (run / "metrics.jsonl").read_text().splitlines() if '"eval"' in line]
    best = max(map(json.loads, evaluations), key=lambda line: line["mIoU"])
    assert origin == CheckpointOrigin(
        file="model_best.pth",
        choice="best of 3 evaluations on split Area_2",
        epoch=best["epoch"],
        seed=3,
        train_split="Area_1",
        chosen_on=3,
        trained_on=0,
    )
    assert cautions(described(run)) == [
        "the checkpoint was chosen by its scores on 3 of the 3 scenes tested (-w model_last was not)"
    ]


def test_the_last_checkpoint_was_not_chosen(run: Path) -> None:
    origin = described(run, "model_last.pth").checkpoint
    assert (origin.choice, origin.epoch, origin.chosen_on) == ("last", 3, 0)
    assert cautions(described(run, "model_last.pth")) == []


def test_scenes_that_were_trained_on_are_said(run: Path) -> None:
    tested = described(run, "model_last.pth", 'data.test.split=["Area_1","Area_2"]')
    assert tested.checkpoint.trained_on == 4
    assert tested.split == "Area_1, Area_2"
    assert "trained on 4 of the 3 scenes tested" in one_line(tested)


def test_data_that_have_moved_are_the_same_scenes(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run.parent / "rooms", tmp_path / "rooms")
    config = tiny_config(run.parent)
    apply_data_root(config, tmp_path / "rooms")
    assert checkpoint_origin(run / "model" / "model_best.pth", config).chosen_on == 3


def test_a_split_of_that_name_in_another_data_set_is_another(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run.parent / "rooms", tmp_path / "rooms")
    config = tiny_config(run.parent)
    config.data.test.data_root = str(tmp_path / "rooms")
    assert checkpoint_origin(run / "model" / "model_best.pth", config).chosen_on == 0


def test_of_a_checkpoint_elsewhere_only_its_own_facts_are_known(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(run / "model" / "model_best.pth", tmp_path / "model_best.pth"))
    origin = checkpoint_origin(copy, tiny_config(run.parent))
    assert (origin.choice, origin.seed, origin.train_split) == ("given", 3, None)
    torch.save({"state_dict": {}}, tmp_path / "bare.pth", _use_new_zipfile_serialization=False)
    origin = checkpoint_origin(tmp_path / "bare.pth", tiny_config(run.parent))
    assert origin == CheckpointOrigin("bare.pth", "given")


def test_a_run_whose_config_cannot_be_read_is_of_unknown_origin(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "model", tmp_path / "model")
    (tmp_path / "config.py").write_text("modell = 1")
    assert checkpoint_origin(tmp_path / "model" / "model_best.pth", tiny_config(run.parent)).choice == "given"


def test_a_mapped_checkpoint_is_the_same(run: Path) -> None:
    file = run / "model" / "model_last.pth"
    read, mapped = load_checkpoint(file)["state_dict"], load_checkpoint(file, mmap=True)["state_dict"]
    assert all(torch.equal(read[name], mapped[name]) for name in read)


def test_protocol_hardware_and_versions_are_said(run: Path) -> None:
    tested = described(run)
    assert (tested.processes, tested.machines, tested.precision) == (1, 1, "float32")
    assert (tested.dataset, tested.grid_size, tested.seed) == ("S3DISDataset", 0.2, 3)
    assert tested.versions["ffnet3d"] == __version__
    assert tested.versions["torch"] == torch.__version__
    assert tested.code == code_version()
    line = one_line(tested)
    for text in (
        "Protocol: full, votes of all views and fragments, 2 views, voxels of 20 cm",
        "Data: 3 scenes of S3DISDataset, split Area_2: 720 points, 700 of them scored",
        "Checkpoint: model_best.pth (best of 3 evaluations on split Area_2, after epoch",
        "trained on split Area_1 with seed 3)",
        "1 process, ",
        "1 thread a process and a GPU, float32",
        f"code {code_version()}",
    ):
        assert text in line


def test_json_and_back(run: Path) -> None:
    tested = described(run)
    values = json.loads(json.dumps(tested.as_dict()))
    assert Provenance.from_dict({**values, "later": 1}) == tested
    del values["views"]
    with pytest.raises(ValueError, match=r"a provenance lacks what it needs.*views"):
        Provenance.from_dict(values)
    with pytest.raises(ValueError, match=r"lacks what it needs.*checkpoint"):
        Provenance.from_dict({})


def test_every_fact_has_a_name_and_a_text(run: Path) -> None:
    rows = dict(provenance_rows(described(run)))
    assert list(rows) == ["protocol", "data", "checkpoint", "caution", "hardware", "versions", "date"]
    assert rows["date"].endswith(" UTC")
    assert rows["hardware"].count(" and a GPU") == 1


def test_an_unknown_protocol_is_refused(run: Path) -> None:
    fabric = build_fabric(resolve_layout(0, 1))
    with pytest.raises(ValueError, match="protocol='quick': choose full or fast"):
        describe_test(
            tiny_config(run.parent),
            run / "model" / "model_best.pth",
            fabric,
            protocol="quick",
            views=1,
            scenes=1,
            points=1,
            scored=1,
            devices=["a CPU"],
        )


def test_the_code_version_changes_with_any_source(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "part.py").write_text("x = 1\n")
    versions = [hash_sources(tmp_path, PACKAGES)]
    (tmp_path / "ops" / "part.py").write_text("x = 2\n")
    versions.append(hash_sources(tmp_path, PACKAGES))
    (tmp_path / "ops" / "part.py").rename(tmp_path / "ops" / "other.py")
    versions.append(hash_sources(tmp_path, PACKAGES))
    (tmp_path / "bench.py").write_text("not of these packages\n")
    assert hash_sources(tmp_path, PACKAGES) == versions[-1]
    assert len(set(versions)) == 3
    assert len(code_version()) == 12
