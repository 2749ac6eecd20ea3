"""Results as they come: a line each, and a JSON and a Markdown file that are whole after every part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpu_parts.goals import judge

PLACES = {"median_ms": 3, "min_ms": 3, "max_ms": 3, "gflops": 0, "of_roof": 2, "bytes_per_voxel": 0}

Record = dict[str, Any]


class Results:
    """Records of one run: flat dictionaries with `part`, what was measured, and the figures or an `error`."""

    def __init__(self, folder: Path, title: str, machine: dict[str, str]) -> None:
        self.folder, self.title, self.machine = folder, title, machine
        self.records: list[Record] = []

    def add(self, part: str, **values: Any) -> None:
        """Keep a record, and print it."""
        record = {"part": part} | {key: value for key, value in values.items() if value is not None}
        self.records.append(record)
        print("  " + ", ".join(f"{key} {shown(key, value)}" for key, value in record.items()), flush=True)

    def write(self) -> None:
        """gpu.json and gpu.md."""
        self.folder.mkdir(parents=True, exist_ok=True)
        goals = judge(self.records)
        content = {"title": self.title, "machine": self.machine, "goals": goals, "records": self.records}
        (self.folder / "gpu.json").write_text(json.dumps(content, indent=1) + "\n")
        (self.folder / "gpu.md").write_text("\n".join(self._lines(goals)) + "\n")

    def _lines(self, goals: list[dict[str, str]]) -> list[str]:
        lines = [f"# {self.title}", "", *(f"- {key}: {value}" for key, value in self.machine.items()), ""]
        lines += ["## Goals", "", *table(goals), ""]
        for part in dict.fromkeys(record["part"] for record in self.records):
            rows = [
                {key: shown(key, value) for key, value in record.items() if key != "part"}
                for record in self.records
                if record["part"] == part
            ]
            lines += [f"## {part}", "", *table(rows), ""]
        return lines


def shown(key: str, value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, float):
        return f"{value:,.{PLACES[key]}f}" if key in PLACES else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(rows: list[dict[str, str]]) -> list[str]:
    """Markdown; a column for each key of any row."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if "error" in keys:
        keys = [key for key in keys if key != "error"] + ["error"]
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    return lines + [
        "| " + " | ".join(row.get(key, "").replace("|", "/") for key in keys) + " |" for row in rows
    ]
