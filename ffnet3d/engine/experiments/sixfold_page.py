"""The table that papers print of S3DIS: scores of each area and over the six, and how they came about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ffnet3d.engine.experiments.facts_page import (
    checkpoint_table,
    chosen_on_tested,
    differences,
    shared_facts,
)
from ffnet3d.engine.experiments.json_files import write_summary
from ffnet3d.engine.experiments.sixfold import AREAS, NAME, Sixfold
from ffnet3d.engine.tables import percent, table

MEAN_NAMES = {"mIoU": "mIoU", "mIoU_present": "mIoU, present classes", "mAcc": "mAcc", "allAcc": "OA"}

CHOSEN = """
**model_best was chosen by its scores on the very area that is tested** ({areas}), which flatters these
figures. The last checkpoint knows nothing of the area: begin with `--last`, or test {which} by
`sh scripts/test.sh -d {dataset} -n {name}/{first} -w model_last`{more}, and collect again without `--last`.
"""


def write_sixfold(sixfold: Sixfold, folder: Path) -> list[Path]:
    """Write sixfold.json and sixfold.md into a folder, and return them."""
    return write_summary(folder, NAME, sixfold.as_dict(), sixfold_page(sixfold))


def sixfold_page(sixfold: Sixfold) -> str:
    """All of it, in Markdown."""
    parts = [f"# 6-fold cross-validation on S3DIS: {sixfold.title}", *sixfold_body(sixfold)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def sixfold_body(sixfold: Sixfold) -> list[str]:
    """The page without its title: paragraphs, tables and lists."""
    if not sixfold.areas:
        return sixfold_brief(sixfold)
    tests = sixfold.tests
    facts = [*differences(tests), checkpoint_table(tests, "tested"), shared_facts(tests)]
    return [*sixfold_brief(sixfold), explanation(sixfold), *facts]


def sixfold_brief(sixfold: Sixfold) -> list[str]:
    """What a reader must know: what is missing, the table, and whether the choice was fair."""
    parts = [incomplete(sixfold)] if sixfold.missing else []
    if sixfold.areas:
        parts.append(score_table(sixfold))
    if chosen := chosen_on_tested(sixfold.tests):
        parts.append(caution(sixfold, chosen))
    return parts


def caution(sixfold: Sixfold, chosen: Sequence[str]) -> str:
    """On folds whose checkpoint was chosen on their area, and how to test them otherwise."""
    dataset, _, name = sixfold.run.partition("/")
    return CHOSEN.format(
        areas="each fold" if len(chosen) == len(sixfold.areas) else ", ".join(chosen),
        which="these folds" if len(chosen) > 1 else "this fold",
        dataset=dataset or "DATASET",
        name=name or sixfold.title,
        first=chosen[0],
        more=" and so on" if len(chosen) > 1 else "",
    ).strip()


def incomplete(sixfold: Sixfold) -> str:
    """What is missing."""
    listed = ", ".join(f"{area} ({state})" for area, state in sixfold.missing.items())
    count = f"{len(sixfold.areas)} of {len(AREAS)} areas"
    return f"**Incomplete: {count}, so there is no 6-fold score.** Missing: {listed}."


def score_table(sixfold: Sixfold) -> str:
    """A column for each area, for the sum of all, and for the mean of the areas' scores; in percent."""
    columns = [*sixfold.areas.values(), sixfold.total]
    means = [
        [text, *[percent(column.means[name]) for column in columns], percent(sixfold.mean_of_areas[name])]
        for name, text in MEAN_NAMES.items()
    ]
    scores = [column.record.scores() for column in columns]
    classes = [
        [name, *[percent(score.iou[index] if score.support[index] else None) for score in scores], ""]
        for index, name in enumerate(sixfold.total.classes)
    ]
    return table(["%", *sixfold.areas, total_name(sixfold), "mean of areas"], [*means, *classes])


def total_name(sixfold: Sixfold) -> str:
    """The heading of the column over all areas."""
    return f"these {len(sixfold.areas)}" if sixfold.missing else "six areas"


def explanation(sixfold: Sixfold) -> str:
    """What the columns and rows are."""
    return (
        f"The column '{total_name(sixfold)}' is of all their points: intersections and unions are summed, "
        "then divided. The mean of the areas' own scores is another number. Rows of classes are IoU. A class "
        "without a true point in an area (–) counts 0 in its mIoU and mAcc; its mIoU over present classes "
        "leaves it out."
    )
