"""How several tests came about, as text: what they share once, what differs beside each one's name."""

from __future__ import annotations

from collections.abc import Mapping

from ffnet3d.engine.provenance import Provenance, provenance_rows
from ffnet3d.engine.tables import table

SHARED = ("protocol", "hardware", "versions")
UNKNOWN = "not recorded"


def checkpoint_table(tests: Mapping[str, Provenance | None], label: str) -> str:
    """A row for each test: its checkpoint, seed, views and scenes; `label` heads the names."""
    header = [label, "checkpoint", "chosen as", "after epoch", "seed", "views", "scenes", "points", "date"]
    return table(header, [[name, *checkpoint_row(test)] for name, test in tests.items()])


def checkpoint_row(test: Provenance | None) -> list[str]:
    """The cells of one test."""
    if test is None:
        return [UNKNOWN, *[""] * 7]
    origin = test.checkpoint
    known = ["–" if fact is None else str(fact) for fact in (origin.epoch, origin.seed)]
    scored = f"{test.scored:,}"
    return [origin.file, origin.choice, *known, str(test.views), str(test.scenes), scored, test.date[:10]]


def shared_facts(tests: Mapping[str, Provenance | None]) -> str:
    """A line for each protocol, hardware and set of versions; where there are several, whose it is."""
    lines = []
    for fact in SHARED:
        names: dict[str, list[str]] = {}
        for name, test in tests.items():
            text = UNKNOWN if test is None else dict(provenance_rows(test)).get(fact, UNKNOWN)
            names.setdefault(text, []).append(name)
        for text, whose in names.items():
            named = f" ({', '.join(whose)})" if len(names) > 1 else ""
            lines.append(f"- {fact}{named}: {text}")
    return "\n".join(lines)


def chosen_on_tested(tests: Mapping[str, Provenance | None]) -> list[str]:
    """Names of the tests whose checkpoint was chosen by its scores on tested scenes."""
    return [name for name, test in tests.items() if test is not None and test.checkpoint.chosen_on]


def differences(tests: Mapping[str, Provenance | None]) -> list[str]:
    """Sentences on tests that were not made alike."""
    known = [test for test in tests.values() if test is not None]
    kinds: dict[str, set[object]] = {
        "protocols": {(test.protocol, test.views, test.grid_size) for test in known},
        "versions of the code": {test.code for test in known},
        "types of hardware": {test.device for test in known},
    }
    return [f"These tests are of {len(kind)} {name}." for name, kind in kinds.items() if len(kind) > 1]
