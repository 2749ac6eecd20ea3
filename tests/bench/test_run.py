"""The command: words become a request, mistakes one line, and a small run measures what was asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
from typer.testing import CliRunner

from ffnet3d import cli
from ffnet3d.bench import run
from ffnet3d.bench.network import EVALUATIONS, TRAININGS
from ffnet3d.bench.run import BenchRequest, measure, parse_sizes
from ffnet3d.bench.scenes import RealScene, Rooms
from ffnet3d.data.scene import write_scene


def test_the_command_hands_on_every_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    requests: list[BenchRequest] = []

    def keep(request: BenchRequest) -> str:
        requests.append(request)
        return "the report"

    monkeypatch.setattr(run, "run_bench", keep)
    write_scene(tmp_path / "office_1", {"coord": np.zeros((3, 3), np.float32)})
    words = (
        f"bench --sizes 2k,3000 --what network,pyramid --threads 1 --repeats 4 --scene {tmp_path}/office_1 "
        f"--grid-size 0.05 --preset ffnet3d-tiny --quick --out {tmp_path}/out"
    )
    assert CliRunner().invoke(cli.app, words.split()).output == "the report\n"
    assert CliRunner().invoke(cli.app, ["bench"]).exit_code == 0
    scene, out = tmp_path / "office_1", tmp_path / "out"
    subjects = ("network", "pyramid")
    assert requests == [
        BenchRequest((2000, 3000), subjects, 1, 4, scene, 0.05, "ffnet3d-tiny", True, out),
        BenchRequest(),
    ]
    assert requests[0].scenes() == [Rooms(2000), Rooms(3000), RealScene(scene, 0.05)]
    assert requests[0].command() == (
        "ffnet3d bench --sizes 2000,3000 --what network,pyramid --threads 1 --repeats 4 "
        "--scene office_1 --grid-size 0.05 --preset ffnet3d-tiny --quick"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--sizes many", "--sizes takes numbers of voxels such as 20000,100000 or 20k,100k, not 'many'"),
        ("--sizes 10", "--sizes 10: a scene has 1,000 to 50,000,000 voxels here"),
        (
            "--what netwrok",
            "--what netwrok: did you mean 'network'? (of convolution, pyramid, network, training)",
        ),
        ("--repeats 0", "--repeats must be at least 1, not 0"),
        ("--threads 0", "--threads must be at least 1, not 0"),
        ("--grid-size 0", "--grid-size must be positive, in metres, not 0.0"),
        ("--scene nowhere", "nowhere: no such scene folder"),
        ("--preset ffnet", "unknown model 'ffnet': did you mean 'ffnet3d'?"),
    ],
)
def test_mistakes_end_in_one_line(
    words: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ffnet3d", "bench", *words.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith(f"ffnet3d: {text}")
    assert line.count("\n") == 1


def test_a_page_without_a_place_for_figures_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text("My own words.\n")
    with pytest.raises(ValueError, match="lacks the lines"):
        BenchRequest(out=tmp_path)


def test_help_shows_examples() -> None:
    output = CliRunner().invoke(cli.app, ["bench", "--help"]).output
    assert "ffnet3d bench --sizes 20k,100k,500k --out docs" in output


def test_sizes_are_read_in_thousands_and_millions() -> None:
    assert parse_sizes("20k, 1M 300") == (20_000, 1_000_000, 300)
    assert parse_sizes("") == ()
    assert BenchRequest(sizes=(3000, 2000, 3000)).all_sizes() == (2000, 3000)


def test_a_quick_run_takes_fewer_works() -> None:
    assert BenchRequest(quick=True).works() == (EVALUATIONS[0], EVALUATIONS[-1], TRAININGS[0])
    assert BenchRequest(subjects=("training",)).works() == TRAININGS
    assert BenchRequest(quick=True).all_sizes() == (20_000,)


def test_a_small_run_says_what_it_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "keep_freed_memory", lambda: True)
    said: list[str] = []
    request = BenchRequest(
        sizes=(1000,), subjects=("convolution",), repeats=1, preset="ffnet3d-tiny", quick=True
    )
    results = measure(request, said.append)
    assert said[0] == "roofs"
    assert said[1:] == [
        f"convolution; level {level}, {channels} channels"
        for level, channels in ((0, 32), (1, 48), (2, 64), (3, 96), (4, 128))
    ]
    assert len(results.convolutions) == 5 * 3 * 2
    assert results.convolution_voxels == 1000
    assert results.keeps_freed_memory
    assert results.networks == results.pyramids == ()
    assert results.machine.threads == torch.get_num_threads()


def test_what_does_not_fit_the_machine_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "keep_freed_memory", lambda: True)
    monkeypatch.setattr(run, "expected_bytes", lambda _rows, _work, voxels: 1e18 if voxels > 1000 else 0)
    monkeypatch.setattr(run, "measure_network", lambda *_: None)
    results = measure(BenchRequest(sizes=(1000, 2000), subjects=("training",)), lambda _: None)
    assert len(results.networks) == 2
    assert [line.partition(":")[0] for line in results.skipped] == [
        f"{work.name}; 2,000 voxels" for work in TRAININGS
    ]
    assert "for want of about 1000000000 GB" in results.skipped[0]
