"""The rooms of S3DIS: a fact of the data set (version 1.2, 272 rooms in six areas)."""

from __future__ import annotations

from collections.abc import Mapping

_COUNTS: Mapping[str, str] = {
    "Area_1": "conferenceRoom 2, copyRoom 1, hallway 8, office 31, pantry 1, WC 1",
    "Area_2": "auditorium 2, conferenceRoom 1, hallway 12, office 14, storage 9, WC 2",
    "Area_3": "conferenceRoom 1, hallway 6, lounge 2, office 10, storage 2, WC 2",
    "Area_4": "conferenceRoom 3, hallway 14, lobby 2, office 22, storage 4, WC 4",
    "Area_5": "conferenceRoom 3, hallway 15, lobby 1, office 42, pantry 1, storage 4, WC 2",
    "Area_6": "conferenceRoom 1, copyRoom 1, hallway 6, lounge 1, office 37, openspace 1, pantry 1",
}
"""Kinds of rooms and their number; rooms of a kind are numbered from 1."""


def _rooms(counts: str) -> frozenset[str]:
    kinds = (entry.split() for entry in counts.split(", "))
    return frozenset(f"{kind}_{number}" for kind, count in kinds for number in range(1, int(count) + 1))


S3DIS_ROOMS: Mapping[str, frozenset[str]] = {area: _rooms(counts) for area, counts in _COUNTS.items()}
"""Area -> names of its rooms."""
