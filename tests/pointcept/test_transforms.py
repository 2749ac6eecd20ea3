"""Our transforms against Pointcept's: as recorded, and in a checkout.

    export POINTCEPT_ROOT=/path/to/Pointcept FFNET_ROOT=/path/to/FFNet
    python -m pytest tests/pointcept/test_transforms.py

`FFNET_ROOT` is the authors' repository, for their configs and their older transforms. After a change of the
cases, `record_transforms.py` writes the recorded facts anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from ffnet3d.data.loader import collate
from ffnet3d.engine.config import load_config

from .transforms_batches import BATCHES, Batch
from .transforms_cases import CERTAIN, CONFIGS, RANDOM, Case, cases, recipe_cases
from .transforms_checkout import Checkout, load
from .transforms_facts import assert_alike, assert_same, outcome, run_fixed, run_free, statistics
from .transforms_sources import Live, Source, batch_facts, recorded

RELEASED = ("scannet/scannet-ffnet", "scannet200/scannet200-ffnet", "s3dis/s3dis-ffnet")


@cache
def checkout(variable: str, *below: str) -> Checkout:
    """The checkout that an environment variable names, `below` that folder; skips where there is none."""
    if variable not in os.environ:
        pytest.skip(f"set {variable} to a checkout to run this (see the head of this file)")
    try:
        return load(Path(os.environ[variable], *below))
    except ImportError as error:
        pytest.skip(f"the transforms in {variable} cannot be imported: {error}")


@pytest.fixture(params=["recorded", "live"])
def pointcept(request: pytest.FixtureRequest) -> Source:
    return recorded() if request.param == "recorded" else Live(checkout("POINTCEPT_ROOT"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in worker processes: parallel loops cost more than these small clouds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def named(items: list[Any]) -> dict[str, Any]:
    """Arguments of `parametrize` with the names of the items."""
    return {"argvalues": items, "ids": [item.name for item in items]}


def check_fixed(source: Source, case: Case) -> None:
    for seed in case.seeds:
        mine = outcome(source.our_case(case), run_fixed, seed)
        assert_same(source.fixed(case, seed), mine, case.tolerance)


def check_spread(source: Source, case: Case) -> None:
    assert_alike(source.spread(case), statistics(source.our_case(case), run_free))


def check_batch(source: Source, batch: Batch) -> None:
    samples = [{**sample, "mix_draw": batch.draw} for sample in batch.samples()]
    assert_same(source.batch(batch), batch_facts(collate(samples, batch.mix_prob)), tolerance=0)


ALL = cases()


@pytest.mark.parametrize("case", **named([case for case in ALL if case.exact and not case.differs]))
def test_the_same_draws_give_the_same_result(pointcept: Source, case: Case) -> None:
    check_fixed(pointcept, case)


@pytest.mark.parametrize("case", **named([case for case in ALL if case.random and not case.differs]))
def test_results_have_the_same_distribution(pointcept: Source, case: Case) -> None:
    check_spread(pointcept, case)


@pytest.mark.parametrize("batch", **named([batch for batch in BATCHES if not batch.differs]))
def test_batches_and_mix3d_are_the_same(pointcept: Source, batch: Batch) -> None:
    check_batch(pointcept, batch)


@pytest.mark.parametrize("case", **named([case for case in ALL if case.differs]))
def test_what_is_meant_to_differ_does(pointcept: Source, case: Case) -> None:
    with pytest.raises(AssertionError):
        check_fixed(pointcept, case) if case.exact else check_spread(pointcept, case)


@pytest.mark.parametrize("batch", **named([batch for batch in BATCHES if batch.differs]))
def test_batches_that_are_meant_to_differ_do(pointcept: Source, batch: Batch) -> None:
    with pytest.raises(AssertionError):
        check_batch(pointcept, batch)


def test_every_transform_and_list_of_the_recipes_is_a_case() -> None:
    recipes = [load_config(path) for path in CONFIGS.glob("[!_]*/*.py")]
    lists = [case.transforms for recipe in recipes for case in recipe_cases(recipe, "")]
    single = [case.transforms for case in (*CERTAIN, *RANDOM)]
    assert {step["type"] for steps in lists for step in steps} <= {
        step["type"] for steps in single for step in steps
    }
    tried = [case.transforms for case in ALL]
    assert all(steps in tried for steps in lists)


SLIGHTLY_WRONG = [
    ("RandomDropout", {"dropout_ratio": 0.22}),
    ("RandomDropout", {"dropout_application_ratio": 0.202}),
    ("RandomRotate about x", {"axis": "y"}),
    ("RandomRotate about z", {"p": 0.498}),
    ("RandomRotate about z", {"angle": [-0.999, 1]}),
    ("RandomRotateTargetAngle", {"p": 0.752}),
    ("RandomScale", {"scale": [0.8999, 1.1]}),
    ("RandomScale", {"anisotropic": True}),
    ("RandomFlip", {"p": 0.502}),
    ("RandomJitter", {"sigma": 0.00501}),
    ("RandomJitter that is often cut off", {"clip": 0.0201}),
    ("ElasticDistortion", {"distortion_params": [[0.2, 0.4], [0.8, 1.599]]}),
    ("ChromaticAutoContrast", {"blend_factor": 0.5}),
    ("ChromaticTranslation", {"ratio": 0.0501}),
    ("ChromaticJitter", {"std": 0.0501}),
    ("SphereCrop to a number", {"point_max": 29}),
    ("SphereCrop to a share", {"sample_rate": 0.62}),
]
CLEARLY_WRONG = [
    ("RandomDropout", {"dropout_application_ratio": 0.35}),
    ("RandomRotate about z", {"p": 0.65}),
    ("RandomRotate about z", {"angle": [-0.7, 1]}),
    ("RandomRotate about z", {"center": None}),
    ("RandomRotateTargetAngle", {"angle": (1 / 2, 1)}),
    ("RandomScale", {"scale": [0.88, 1.1]}),
    ("RandomJitter", {"sigma": 0.0052}),
    ("RandomJitter that is often cut off", {"clip": 0.0205}),
    ("ElasticDistortion", {"distortion_params": [[0.2, 0.4], [0.8, 1.4]]}),
    ("ChromaticAutoContrast", {"blend_factor": 0.5}),
    ("ChromaticTranslation", {"ratio": 0.06}),
    ("ChromaticJitter", {"std": 0.051}),
    ("SphereCrop to a number", {"point_max": 29}),
]


def changed(name: str, arguments: dict[str, Any]) -> Case:
    case = next(case for case in RANDOM if case.name == name)
    return replace(case, transforms=[{**case.transforms[0], **arguments}])


@pytest.mark.parametrize(("name", "arguments"), SLIGHTLY_WRONG, ids=str)
def test_fixed_draws_show_what_is_slightly_wrong(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_fixed(recorded(), changed(name, arguments))


@pytest.mark.parametrize(("name", "arguments"), CLEARLY_WRONG, ids=str)
def test_distributions_show_what_is_clearly_wrong(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_spread(recorded(), changed(name, arguments))


@pytest.mark.parametrize("name", RELEASED)
def test_the_lists_of_the_released_configs_mean_the_same(name: str) -> None:
    released = Live(checkout("FFNET_ROOT", "3d_sem_segmentation"))
    path = Path(os.environ["FFNET_ROOT"], "3d_sem_segmentation", "configs", f"{name}.py")
    for case in recipe_cases(load_config(path), name):
        if case.exact:
            check_fixed(released, case)
        else:
            check_spread(released, case)
