"""The names of kernels, their offsets, and how kernels lie within one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voxels.oracle import kernel_window
from voxels.strategies import KERNELS

from ffnet3d.voxels import (
    check_kernel,
    kernel_columns,
    kernel_extent,
    kernel_offsets,
    shrunk_kernel,
    sorted_kernels,
    strip_kernels,
)

ODD = st.integers(0, 5).map(lambda half: 2 * half + 1)
BOXES = (
    st.tuples(ODD, ODD, ODD).filter(lambda edges: len(set(edges)) > 1).map(lambda e: "x".join(map(str, e)))
)
ANY = st.one_of(KERNELS, ODD, BOXES, ODD.filter(lambda edge: edge > 1).map(lambda edge: f"cross{edge}"))


@given(ANY)
def test_offsets_equal_the_definition(kernel):
    offsets = kernel_offsets(kernel)
    assert offsets.dtype == np.int64
    assert offsets.shape[1:] == (3,)
    assert [tuple(offset) for offset in offsets.tolist()] == kernel_window(kernel)
    assert check_kernel(kernel) == kernel


@given(ANY)
def test_offsets_mirror_around_the_centre(kernel):
    offsets = kernel_offsets(kernel)
    assert np.array_equal(offsets[::-1], -offsets)
    assert not offsets[len(offsets) // 2].any()
    assert kernel_extent(kernel) == 2 * offsets.max() + 1


def test_the_numbers_of_offsets():
    kernels = (1, 3, 9, "9x1x1", "1x5x3", "cross3", "cross9")
    assert [len(kernel_offsets(kernel)) for kernel in kernels] == [1, 27, 729, 9, 15, 7, 25]


@given(ANY, ANY)
def test_columns_find_the_inner_offsets(outer, inner):
    if set(kernel_window(inner)) <= set(kernel_window(outer)):
        assert np.array_equal(kernel_offsets(outer)[kernel_columns(outer, inner)], kernel_offsets(inner))
    else:
        with pytest.raises(ValueError, match=f"kernel {inner!r} is not within kernel {outer!r}"):
            kernel_columns(outer, inner)


@given(ANY)
def test_columns_of_a_part_of_a_part(kernel):
    cube = kernel_extent(kernel)
    small = shrunk_kernel(kernel)
    through = kernel_columns(cube, kernel)[kernel_columns(kernel, small)]
    assert np.array_equal(through, kernel_columns(cube, small))
    assert np.array_equal(kernel_columns(kernel, kernel), np.arange(len(kernel_offsets(kernel))))


def test_small_kernels_and_strips_beside_a_large_one():
    kernels = (1, 3, 9, "9x1x1", "5x3x3", "cross9", "cross3")
    assert [shrunk_kernel(kernel) for kernel in kernels] == [1, 1, 5, "5x1x1", "3x1x1", "cross5", 1]
    assert strip_kernels(9) == strip_kernels("cross9") == ("9x1x1", "1x9x1", "1x1x9")
    assert strip_kernels("5x3x1") == ("5x1x1", "1x3x1")
    assert strip_kernels("9x1x1") == strip_kernels(1) == ()


@given(st.sets(ANY))
def test_the_order_of_kernels_is_fixed(kernels):
    ordered = sorted_kernels(kernels)
    assert ordered == sorted_kernels(reversed(ordered))
    assert set(ordered) == kernels
    cubes = [kernel for kernel in ordered if isinstance(kernel, int)]
    assert ordered[: len(cubes)] == sorted(cubes)


@pytest.mark.parametrize("kernel", [0, 2, -3, 3.0, None])
def test_numbers_that_are_no_edge_are_refused(kernel):
    with pytest.raises(ValueError, match=f"kernel_size must be odd and positive, got {kernel}"):
        check_kernel(kernel)


@pytest.mark.parametrize(
    "kernel",
    ["", "3", "9x1", "9x2x1", "0x1x1", "09x1x1", "9X1x1", "9x1x1 ", "-3x1x1", "cross", "cross4", "cross1"],
)
def test_names_of_no_kernel_are_refused_with_the_grammar(kernel):
    grammar = "write 3 for the cube 3x3x3, '9x1x1' for a box, 'cross9' for a cross of three strips"
    with pytest.raises(ValueError, match=f"no kernel is written '{kernel}': {grammar}"):
        check_kernel(kernel)


def test_a_cube_is_written_as_a_number():
    with pytest.raises(ValueError, match="kernel '3x3x3' is a cube: write the integer 3"):
        kernel_offsets("3x3x3")
