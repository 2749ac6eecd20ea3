"""The page of several seeds: each value, the mean and the spread."""

from __future__ import annotations

from pathlib import Path

from ffnet3d.engine.experiments.facts_page import (
    checkpoint_table,
    chosen_on_tested,
    differences,
    shared_facts,
)
from ffnet3d.engine.experiments.json_files import write_summary
from ffnet3d.engine.experiments.seeds import NAME, Seeds
from ffnet3d.engine.experiments.tested import MEANS
from ffnet3d.engine.tables import percent, table

CHOSEN = "**model_best was chosen by its scores on tested scenes**, which flatters these figures."


def write_seeds(seeds: Seeds, folder: Path) -> list[Path]:
    """Write seeds.json and seeds.md into a folder, and return them."""
    parts = [f"# Several seeds: {seeds.title}", *seeds_body(seeds)]
    return write_summary(folder, NAME, seeds.as_dict(), "\n\n".join(parts) + "\n")


def seeds_body(seeds: Seeds) -> list[str]:
    """The page without its title: paragraphs, tables and lists."""
    if not seeds.results:
        return seeds_brief(seeds)
    tests = seeds.tests
    facts = [*differences(tests), checkpoint_table(tests, "run"), shared_facts(tests)]
    return [*seeds_brief(seeds), *facts]


def seeds_brief(seeds: Seeds) -> list[str]:
    """What a reader must know: what is missing, the table, and whether the choice was fair."""
    parts = []
    if seeds.missing:
        listed = ", ".join(f"{name} ({state})" for name, state in seeds.missing.items())
        parts.append(f"**Incomplete: {len(seeds.results)} seeds are there.** Missing: {listed}.")
    if seeds.results:
        parts.append(seed_table(seeds))
    return [*parts, CHOSEN] if chosen_on_tested(seeds.tests) else parts


def seed_table(seeds: Seeds) -> str:
    """A row for each seed, one for the mean, one for the sample's standard deviation; in percent."""
    rows = [
        [name, *[percent(result.means[mean]) for mean in MEANS]] for name, result in seeds.results.items()
    ]
    rows.append([f"mean of {len(rows)}", *[percent(seeds.mean(name)) for name in MEANS]])
    rows.append(["standard deviation (n - 1)", *[percent(seeds.deviation(name)) for name in MEANS]])
    return table(["%", *MEANS], rows)
