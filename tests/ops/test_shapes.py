"""Sizes that repeat are few and waste little; pieces of them cover all rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.ops.shapes import FEWEST, pieces, rounded_down, rounded_up


@given(st.integers(0, 10**7), st.integers(0, 1000))
def test_few_sizes_little_waste(count: int, more: int) -> None:
    up, down = rounded_up(count), rounded_down(count)
    assert down <= count <= up <= max(FEWEST if count else 0, 1.0625 * count)
    assert down > 0.9375 * count or count < FEWEST
    assert rounded_up(up) == up <= rounded_up(count + more)
    assert rounded_up(down) == rounded_down(down) == down


def test_sixteen_sizes_an_octave() -> None:
    assert len({rounded_up(count) for count in range(1025, 2049)}) == 16


@given(st.integers(0, 5000), st.integers(1, 3000))
def test_pieces_cover_every_row_in_order(count: int, most: int) -> None:
    end = 0
    for piece in pieces(count, most):
        size = piece.rows.stop - piece.rows.start
        assert piece.rows.start + piece.done == end
        assert 0 <= piece.done < size <= max(most, 1)
        assert size in (most, rounded_up(size)) or count < FEWEST or most < FEWEST
        end = piece.rows.stop
    assert end == count
