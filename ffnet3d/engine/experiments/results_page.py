"""The page of results: what was run here, and apart from it what the paper claims and others report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ffnet3d.engine.experiments.facts_page import checkpoint_table, shared_facts
from ffnet3d.engine.experiments.json_files import write_summary
from ffnet3d.engine.experiments.published import CLAIMS, PAPER, SPREADS, Claim
from ffnet3d.engine.experiments.results import Experiment, read_experiment
from ffnet3d.engine.experiments.seeds import Seeds
from ffnet3d.engine.experiments.seeds_page import seeds_body
from ffnet3d.engine.experiments.sixfold import Sixfold
from ffnet3d.engine.experiments.sixfold_page import sixfold_body
from ffnet3d.engine.experiments.tested import MEANS, Tested
from ffnet3d.engine.metrics import describe_presence
from ffnet3d.engine.provenance import cautions
from ffnet3d.engine.tables import percent, table

NAME = "results"

HOW_TO_READ = """
`mIoU` is the mean over all classes of the data set: one without a true point in the tested scenes counts
0, as in Pointcept and the papers. `mIoU_present` is the mean over the classes that the scenes hold.
ScanNet200's validation holds 189 of the 200: there `mIoU` can reach 94.5, and 33.8 over 200 is 35.8 over
189. `allAcc` (OA) is the share of right points. With several seeds a figure is their mean ± the sample's
standard deviation.
"""

CLAIMED = """
mIoU over all classes in percent, as printed in *{paper}*. It is a claim: the last column names what was
run here on the same scenes. The released recipe trains on the training split alone; figures on hidden
test sets are often of networks that were trained on the validation scenes too, so those on `val` and on
S3DIS are the ones to compare with.
"""

REPORTED = """
How far runs of one recipe lie apart, by other people's reports. One run within 0.7 (ScanNet) or 1.5
(S3DIS Area 5) of a published figure says nothing; several seeds do.
"""


def make_results(folders: Sequence[Path], out: Path | None) -> str:
    """The page on the experiments in these folders; with `out` written there as results.md and .json."""
    experiments = [read_experiment(folder) for folder in folders]
    page = results_page(experiments)
    if out is None:
        return page
    return "\n".join(map(str, write_summary(out, NAME, as_dict(experiments), page)))


def as_dict(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """All figures, ready for JSON."""
    runs = {experiment.name: experiment.as_dict() for experiment in experiments}
    return {"date": today(), "runs": runs, "claims": [asdict(claim) for claim in CLAIMS]}


def today() -> str:
    """The date, UTC."""
    return datetime.now(timezone.utc).date().isoformat()


def results_page(experiments: Sequence[Experiment]) -> str:
    """All of it, in Markdown."""
    parts = [
        "# Results",
        f"Made by `ffnet3d results` on {today()}; edits by hand are lost.",
        HOW_TO_READ,
        "## Run here",
        overview(experiments) if experiments else "Nothing yet.",
        *[part for experiment in experiments for part in section(experiment)],
        "## Claimed by the paper",
        CLAIMED.format(paper=PAPER),
        claim_table(experiments),
        "## Reported by others",
        REPORTED,
        spread_table(),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def overview(experiments: Sequence[Experiment]) -> str:
    """A row for each experiment, in percent."""
    header = ["run", "tested on", *MEANS, "classes present", "protocol"]
    return table(header, [overview_row(experiment) for experiment in experiments])


def overview_row(experiment: Experiment) -> list[str]:
    """Its scores, classes and protocol; no scores where folds are missing."""
    outcome, tests = experiment.outcome, experiment.tests.values()
    protocols = {f"{test.protocol}, {test.views} views" for test in tests if test is not None}
    if isinstance(outcome, Seeds):
        scores, present = [mean_and_deviation(outcome, name) for name in MEANS], "–"
    elif isinstance(outcome, Sixfold) and not experiment.is_complete:
        scores, present = ["incomplete", *["–"] * 3], "–"
    else:
        tested = outcome.total if isinstance(outcome, Sixfold) else outcome
        scores = [percent(tested.means[name]) for name in MEANS]
        present = f"{(tested.record.target > 0).sum()} of {len(tested.classes)}"
    return [experiment.name, experiment.split or "–", *scores, present, "; ".join(sorted(protocols)) or "–"]


def mean_and_deviation(seeds: Seeds, name: str) -> str:
    """As in 72.40 ± 0.90 (3)."""
    if not seeds.results:
        return "–"
    return f"{percent(seeds.mean(name))} ± {percent(seeds.deviation(name))} ({len(seeds.results)})"


def section(experiment: Experiment) -> list[str]:
    """How an experiment's figures came about."""
    title, outcome = f"### {experiment.name}", experiment.outcome
    if isinstance(outcome, Sixfold):
        return [title, *sixfold_body(outcome)]
    if isinstance(outcome, Seeds):
        return [title, *seeds_body(outcome)]
    return [title, *run_body(outcome, experiment.name)]


def run_body(tested: Tested, name: str) -> list[str]:
    """The scores of a single run, the IoU of each class, and how they came about."""
    scores = tested.record.scores()
    present = describe_presence(scores.support)
    ious = [
        f"{name} {percent(iou if support else None)}"
        for name, iou, support in zip(tested.classes, scores.iou, scores.support, strict=True)
    ]
    warnings = cautions(tested.provenance) if tested.provenance else []
    return [
        f"{present[0].upper()}{present[1:]}. IoU: {', '.join(ious)}.",
        *[f"**Caution: {text}.**" for text in warnings],
        checkpoint_table({name: tested.provenance}, "run"),
        shared_facts({name: tested.provenance}),
    ]


def claim_table(experiments: Sequence[Experiment]) -> str:
    """The paper's figures, and where ours on the same scenes stand."""
    rows = [[claim.dataset, claim.split, f"{claim.miou:.1f}", ours(claim, experiments)] for claim in CLAIMS]
    return table(["data set", "tested on", "claimed mIoU", "our runs on it"], rows)


def ours(claim: Claim, experiments: Sequence[Experiment]) -> str:
    """The runs on a claim's scenes by their names."""
    scenes = claim.dataset, claim.split
    names = [one.name for one in experiments if one.is_complete and (one.dataset, one.split) == scenes]
    return ", ".join(names) or "not run here"


def spread_table() -> str:
    """What others report."""
    rows = [[spread.recipe, spread.published, spread.reported, spread.source] for spread in SPREADS]
    return table(["recipe", "published", "reported", "source"], rows)
