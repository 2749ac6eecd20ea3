"""What a preparation of ScanNet tells of all scans together."""

from __future__ import annotations

from collections.abc import Collection

from ffnet3d.data.prepare.run import Summary

ONLY20 = "labels of 20 classes alone, no segment200 and no instance"
SHOWN = 3  # names


def scannet_notes(summary: Summary, listed: Collection[str]) -> tuple[str, ...]:
    """A line each on scans that no split lists, and on scenes without labels of 200 classes."""
    unlisted = [one.job.name for one in summary.outcomes if one.job.name not in listed]
    few = [one for one in summary.outcomes if any(ONLY20 in repair for repair in one.repairs)]
    notes = []
    if unlisted:
        names = ", ".join([*unlisted[:SHOWN], *["..."][: len(unlisted) - SHOWN]])
        notes.append(f"{len(unlisted)} scans are in no list of ScanNet's, put under test: {names}")
    if few:
        notes.append(
            f"{len(few)} scenes have no segment200 and no instance: for ScanNet200 download "
            "SCENE.aggregation.json and SCENE_vh_clean_2.0.010000.segs.json, and prepare again"
        )
    return tuple(notes)
