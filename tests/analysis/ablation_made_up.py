"""Records of an ablation that nobody has run."""

from __future__ import annotations

from ffnet3d.analysis.ablation.budget import Budget
from ffnet3d.analysis.ablation.jobs import Failure, Record
from ffnet3d.analysis.ablation.summary import Ablation, make_table
from ffnet3d.analysis.ablation.variants import choose_variants

STEPS, SECONDS = Budget("steps", 50), Budget("seconds", 40.0)
SCORES = {"ffnified": (0.50, 0.60), "pooling": (0.40, 0.44), "relu": (0.58, 0.64)}
PARAMETERS = {"ffnified": 4_000_000, "pooling": 1_000_000, "relu": 4_000_000}
SECONDS_A_STEP = {"ffnified": 0.8, "pooling": 0.5, "relu": 0.7}


def record(variant: str, seed: int, miou: float, budget: Budget = STEPS, code: str = "c0de") -> Record:
    """A record of 50 steps."""
    return Record(
        variant=variant,
        budget=budget,
        seed=seed,
        code=code,
        parameters=PARAMETERS[variant],
        steps=50,
        seconds=50 * SECONDS_A_STEP[variant],
        loss=1.0,
        miou=miou,
        allacc=miou + 0.2,
        iou=(miou, miou),
        peak=300 * 2**20,
        classes=("wall", "floor"),
    )


def records(budget: Budget = STEPS) -> list[Record]:
    """Two seeds of each variant of `SCORES`."""
    return [
        record(name, seed, miou, budget)
        for name, scores in SCORES.items()
        for seed, miou in enumerate(scores)
    ]


def ablation(failures: tuple[Failure, ...] = ()) -> Ablation:
    """Both budgets."""
    variants = choose_variants(tuple(SCORES))
    tables = tuple(make_table(budget, variants, records(budget)) for budget in (STEPS, SECONDS))
    return Ablation("demo", "ffnet3d-ablation", 2, "a made-up machine", tables, failures)
