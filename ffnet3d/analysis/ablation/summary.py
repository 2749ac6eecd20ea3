"""What the jobs of an ablation amount to: for each budget a row a variant, mean and spread over the seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ffnet3d.analysis.ablation.budget import Budget
from ffnet3d.analysis.ablation.jobs import Failure, Record
from ffnet3d.analysis.ablation.variants import BASE, Variant


@dataclass(frozen=True)
class Row:
    """A variant on one budget; at least one record."""

    variant: Variant
    records: tuple[Record, ...]  # one a seed

    @property
    def name(self) -> str:
        """The variant's."""
        return self.variant.name

    @property
    def is_base(self) -> bool:
        """Whether this is the network that the others change."""
        return self.name == BASE

    @property
    def parameters(self) -> int:
        """Of the network."""
        return self.records[0].parameters

    def values(self, field: str) -> list[float]:
        """A field of all seeds' records."""
        return [float(getattr(record, field)) for record in self.records]

    def mean(self, field: str) -> float:
        """The mean of a field over the seeds."""
        return statistics.fmean(self.values(field))

    def deviation(self, field: str) -> float | None:
        """The sample's standard deviation over the seeds, divided by n - 1; None for one seed."""
        return statistics.stdev(self.values(field)) if len(self.records) > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        fields = ("miou", "allacc", "steps", "seconds", "seconds_per_step", "peak")
        means = {
            name: {"mean": self.mean(name), "std": self.deviation(name), "values": self.values(name)}
            for name in fields
        }
        seeds = [record.seed for record in self.records]
        facts = {"variant": self.name, "changes": self.variant.says, "parameters": self.parameters}
        return {**facts, "seeds": seeds, **means}


@dataclass(frozen=True)
class Table:
    """All variants on one budget, the highest mean mIoU first."""

    budget: Budget
    rows: tuple[Row, ...]

    @property
    def base(self) -> Row | None:
        """The row of the unchanged network, where it is there."""
        return next((row for row in self.rows if row.is_base), None)

    def gain(self, row: Row) -> float | None:
        """Mean mIoU above the base's, over the seeds that both have; None for the base, and without one."""
        if self.base is None or row.is_base:
            return None
        bases = {record.seed: record.miou for record in self.base.records}
        gains = [record.miou - bases[record.seed] for record in row.records if record.seed in bases]
        return statistics.fmean(gains) if gains else None

    def front(self, cost: str) -> list[Row]:
        """The rows that none beats at the same or a lower mean cost (a field of records), cheapest first."""
        found: list[Row] = []
        for row in sorted(self.rows, key=lambda row: (row.mean(cost), -row.mean("miou"))):
            if not found or row.mean("miou") > found[-1].mean("miou"):
                found.append(row)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        rows = [{**row.as_dict(), "above_base": self.gain(row)} for row in self.rows]
        return {"budget": self.budget.kind, "amount": self.budget.amount, "rows": rows}


@dataclass(frozen=True)
class Ablation:
    """All that is known of an ablation."""

    dataset: str
    config: str
    seeds: int  # asked for
    machine: str
    tables: tuple[Table, ...]
    failures: tuple[Failure, ...]
    missing: int = 0  # trainings not done, where it was stopped

    @property
    def records(self) -> list[Record]:
        """Of all tables."""
        return [record for table in self.tables for row in table.rows for record in row.records]

    @property
    def codes(self) -> list[str]:
        """The versions of the code that made the records."""
        return sorted({record.code for record in self.records})

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        failed = [{"job": failure.job, "reason": failure.reason} for failure in self.failures]
        facts = {"dataset": self.dataset, "config": self.config, "seeds": self.seeds, "machine": self.machine}
        tables = [table.as_dict() for table in self.tables]
        return {**facts, "code": self.codes, "tables": tables, "failed": failed, "missing": self.missing}


def make_table(budget: Budget, variants: Sequence[Variant], records: Sequence[Record]) -> Table:
    """The table of one budget from records of all."""
    rows = []
    for variant in variants:
        own = [record for record in records if (record.variant, record.budget) == (variant.name, budget)]
        if own:
            rows.append(Row(variant, tuple(sorted(own, key=lambda record: record.seed))))
    return Table(budget, tuple(sorted(rows, key=lambda row: -row.mean("miou"))))
