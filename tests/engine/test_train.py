"""A whole training run on four tiny rooms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import tiny_config, write_rooms

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine.checkpoint import load_checkpoint, save_checkpoint
from ffnet3d.engine.config import load_config
from ffnet3d.engine.state import Schedule
from ffnet3d.engine.train import TrainResult, train
from ffnet3d.engine.trainer import grouped
from ffnet3d.models import FFNet3D


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rooms(tmp_path_factory.mktemp("rooms") / "rooms")


def run(folder: Path, rooms: Path, *overrides: str, **launch: Any) -> TrainResult:
    """Train `folder`/run on the shared rooms."""
    folder.mkdir(exist_ok=True)
    if not (folder / "rooms").exists():
        (folder / "rooms").symlink_to(rooms)
    return train(tiny_config(folder, "run", *overrides), **launch)


def lines(result: TrainResult, kind: str) -> list[dict[str, Any]]:
    text = (result.save_path / "metrics.jsonl").read_text()
    return [line for line in map(json.loads, text.splitlines()) if line["kind"] == kind]


def weights(result: TrainResult) -> dict[str, torch.Tensor]:
    return load_checkpoint(result.save_path / "model" / "model_last.pth")["state_dict"]


def test_a_run_leaves_its_files_and_learns(tmp_path: Path, rooms: Path) -> None:
    calm = ("mix_prob=0", "model.backbone.drop_path=0.0", "model.backbone.bn_momentum=0.1")
    result = run(tmp_path, rooms, "epoch=24", "eval_epoch=6", *calm)
    assert result.steps == 48
    for name in (
        "config.py",
        "train.log",
        "model/model_last.pth",
        "model/model_best.pth",
        "result/test.json",
    ):
        assert (result.save_path / name).is_file(), name
    steps, evaluations = lines(result, "train"), lines(result, "eval")
    assert [line["step"] for line in steps] == list(range(1, 49))
    assert [line["epoch"] for line in evaluations] == [1, 2, 3, 4, 5, 6]
    assert len(steps[0]["lr"]) == 2
    assert sum(line["loss"] for line in steps[-5:]) < 0.7 * sum(line["loss"] for line in steps[:5])
    assert result.best_miou == max(line["mIoU"] for line in evaluations)
    assert evaluations[-1]["allAcc"] > evaluations[0]["allAcc"] + 0.1
    assert result.test is not None


def test_the_written_config_is_complete(tmp_path: Path, rooms: Path) -> None:
    result = run(tmp_path, rooms, "seed=None", "epoch=1", "eval_epoch=1")
    written = load_config(result.save_path / "config.py")
    assert isinstance(written.seed, int)
    assert written.optimizer.lr == 0.01
    assert load_checkpoint(result.save_path / "model" / "model_last.pth")["ffnet3d"]["seed"] == written.seed


def test_workers_do_not_change_the_run(tmp_path: Path, rooms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(tmp_path / "a", rooms, "num_worker=0", "hooks=[]")
    # Workers bring the pyramid of every batch, for training and for evaluation.
    monkeypatch.setattr(FFNet3D, "_pyramid", lambda *_: pytest.fail("built in the main process"))
    second = run(tmp_path / "b", rooms, "num_worker=2", "hooks=[]")
    assert all(torch.equal(one, weights(second)[name]) for name, one in weights(first).items())
    assert [line["loss"] for line in lines(first, "train")] == [
        line["loss"] for line in lines(second, "train")
    ]


def test_two_processes_equal_one_with_the_whole_batch(tmp_path: Path, rooms: Path) -> None:
    # Equal point counts and no random depth; SyncBatchNorm1d shares the statistics. Lovasz, which does not
    # decompose over scenes, is not among the losses.
    calm = (
        "batch_size=4",
        "epoch=2",
        "eval_epoch=2",
        "mix_prob=0",
        "model.backbone.drop_path=0.0",
        "hooks=[]",
    )
    one = run(tmp_path / "a", rooms, *calm, "optimizer.type='SGD'", "optimizer.weight_decay=0.0")
    two = run(tmp_path / "b", rooms, *calm, "optimizer.type='SGD'", "optimizer.weight_decay=0.0", devices=2)
    assert one.steps == two.steps == 2
    for kind in ("train", "eval"):
        for first, second in zip(lines(one, kind), lines(two, kind), strict=True):
            assert second["loss"] == pytest.approx(first["loss"], rel=1e-5)
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(two)[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def test_a_new_run_does_not_overwrite_another(tmp_path: Path, rooms: Path) -> None:
    run(tmp_path, rooms, "epoch=1", "eval_epoch=1", "hooks=[]")
    with pytest.raises(ValueError, match=r"already holds a trained run .*go on with it"):
        run(tmp_path, rooms, "epoch=1", "eval_epoch=1")


def test_without_evaluation_the_last_checkpoint_is_tested(tmp_path: Path, rooms: Path) -> None:
    result = run(tmp_path, rooms, "evaluate=False", "epoch=1", "eval_epoch=1")
    assert result.best_miou is None
    assert result.test is not None
    assert json.loads(result.test.file.read_text())["weight"].endswith("model_last.pth")
    assert not (result.save_path / "model" / "model_best.pth").exists()


def test_save_freq_keeps_checkpoints_of_epochs(tmp_path: Path, rooms: Path) -> None:
    result = run(tmp_path, rooms, "hooks=[{'type': 'CheckpointSaver', 'save_freq': 2}]")
    assert [file.name for file in sorted((result.save_path / "model").glob("epoch_*"))] == ["epoch_2.pth"]
    assert load_checkpoint(result.save_path / "model" / "epoch_2.pth")["epoch"] == 2
    assert result.test is None


def test_weights_to_start_from(tmp_path: Path, rooms: Path) -> None:
    first = run(tmp_path / "a", rooms, "epoch=1", "eval_epoch=1", "hooks=[]")
    start = first.save_path / "model" / "model_last.pth"
    still = ("optimizer.lr=0.0", "param_dicts=None", "scheduler.max_lr=1e-30", "optimizer.weight_decay=0.0")
    second = run(tmp_path / "b", rooms, f"weight='{start}'", "epoch=1", "eval_epoch=1", "hooks=[]", *still)
    name = "seg_head.weight"
    torch.testing.assert_close(weights(second)[name], weights(first)[name], rtol=0, atol=1e-12)


def test_names_of_the_start_weights_are_replaced_as_configured(tmp_path: Path, rooms: Path) -> None:
    first = weights(run(tmp_path / "a", rooms, "epoch=1", "eval_epoch=1"))
    start = tmp_path / "start.pth"
    renamed = {name.replace("backbone.", "student."): value for name, value in first.items()}
    save_checkpoint(start, {"state_dict": renamed})
    loader = "hooks=[{'type': 'CheckpointLoader', 'keywords': 'student.', 'replacement': 'backbone.'}]"
    still = ("optimizer.lr=0.0", "param_dicts=None", "scheduler.max_lr=1e-30", "optimizer.weight_decay=0.0")
    second = run(tmp_path / "b", rooms, f"weight='{start}'", "epoch=1", "eval_epoch=1", loader, *still)
    name = "backbone.stem.conv.weight"
    torch.testing.assert_close(weights(second)[name], first[name], rtol=0, atol=1e-12)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, rooms: Path) -> None:
    with pytest.raises(ValueError, match=r"the loss is not a number at step \d+: lower the learning rate"):
        run(
            tmp_path,
            rooms,
            "scheduler.max_lr=1e30",
            "param_dicts=None",
            "optimizer.type='SGD'",
            "clip_grad=None",
        )


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_scene_is_named_whatever_process_reads_it(tmp_path: Path, workers: int) -> None:
    write_rooms(tmp_path / "rooms")
    file = tmp_path / "rooms" / "Area_1" / "room_2" / "color.npy"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"color\.npy") as caught:
        train(tiny_config(tmp_path, "run", f"num_worker={workers}"))
    assert "Traceback" not in str(caught.value)


def test_bfloat16_with_accumulation(tmp_path: Path, rooms: Path) -> None:
    result = run(tmp_path, rooms, "enable_amp=True", "gradient_accumulation_steps=3", "hooks=[]")
    assert result.steps == 6  # 4 batches an epoch: a step of 3 and one of 1
    assert all(
        tensor.dtype is torch.float32 for tensor in weights(result).values() if tensor.is_floating_point()
    )


def test_groups_and_schedule_agree() -> None:
    for batches in range(1, 9):
        for accumulation in range(1, 5):
            schedule = Schedule(batches, accumulation, epochs=3)
            groups = list(grouped(range(batches), accumulation))
            assert len(groups) == schedule.steps_per_epoch
            assert [item for group in groups for item in group] == list(range(batches))
            for done, group in enumerate(groups):
                assert schedule.position(schedule.steps_per_epoch + done) == (1, group[0])


def test_a_loss_that_went_wrong_between_log_lines_is_not_saved(tmp_path: Path, rooms: Path) -> None:
    wild = ("scheduler.max_lr=1e30", "param_dicts=None", "optimizer.type='SGD'", "clip_grad=None")
    with pytest.raises(ValueError, match="the loss is not a number"):
        run(tmp_path, rooms, "log_interval=1000", "evaluate=False", "save_steps=None", *wild)
    assert not list(tmp_path.rglob("*.pth"))


def test_a_test_only_config_does_not_train(tmp_path: Path, rooms: Path) -> None:
    with pytest.raises(ValueError, match=r"test_only=True: this is a training; test with scripts/test\.sh"):
        run(tmp_path, rooms, "test_only=True")


def test_data_that_cannot_be_tested_are_found_before_training(tmp_path: Path, rooms: Path) -> None:
    with pytest.raises(ValueError, match="Area_9"):
        run(tmp_path, rooms, "data.test.split='Area_9'")
    assert not list(tmp_path.rglob("*.pth"))


def test_a_leftover_best_checkpoint_stops_a_new_run(tmp_path: Path, rooms: Path) -> None:
    result = run(tmp_path, rooms, "epoch=1", "eval_epoch=1")
    (result.save_path / "model" / "model_last.pth").unlink()
    with pytest.raises(ValueError, match="already holds a trained run"):
        run(tmp_path, rooms, "epoch=1", "eval_epoch=1")


def test_settings_without_effect_are_said(
    tmp_path: Path, rooms: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", logger="ffnet3d"):
        run(tmp_path, rooms, "epoch=1", "eval_epoch=1", "hooks=[]", "enable_wandb=True")
    assert "enable_wandb=True has no effect here" in caplog.text


@pytest.mark.parametrize("symmetric", [False, True])
def test_colours_of_the_release_are_said(
    tmp_path: Path, rooms: Path, caplog: pytest.LogCaptureFixture, symmetric: bool
) -> None:
    colours = f"{{'type': 'NormalizeColor', 'symmetric': {symmetric}}}"
    places = ("train.transform.3", "val.transform.2", "test.transform.0")
    words = [f"data.{place}={colours}" for place in places]
    with caplog.at_level("WARNING", logger="ffnet3d"):
        run(tmp_path, rooms, "epoch=1", "eval_epoch=1", "model.backbone.type=ffnet", *words)
    assert ("for weights of the release set symmetric=True" in caplog.text) is not symmetric


def test_scenes_without_labels_are_not_trained_on(tmp_path: Path) -> None:
    write_rooms(tmp_path / "rooms")
    for file in (tmp_path / "rooms" / "Area_1").glob("*/segment.npy"):
        file.unlink()
    with pytest.raises(ValueError, match=r"no scene of data\.train has a segment\.npy"):
        train(tiny_config(tmp_path, "run"))


def test_a_learning_rate_that_the_schedule_overrides_is_said(
    tmp_path: Path, rooms: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", logger="ffnet3d"):
        run(tmp_path, rooms, "epoch=1", "eval_epoch=1", "hooks=[]", "optimizer.lr=0.5")
    assert "optimizer.lr=0.5 has no effect: scheduler.max_lr=[0.01, 0.001] sets the rates" in caplog.text
