"""Work in several processes: which process does which item."""

from __future__ import annotations

import os
import sys

import pytest

from ffnet3d.processes import run_each

SELF = "/proc/self"  # a link to the number of whatever process reads it


@pytest.mark.skipif(sys.platform != "linux", reason="a process finds its number in /proc on Linux")
def test_a_process_goes_on_with_the_next_item_unless_each_shall_have_a_fresh_one() -> None:
    shared = [number for _, number in run_each(os.readlink, [SELF] * 2, workers=1)]
    fresh = [number for _, number in run_each(os.readlink, [SELF] * 2, workers=1, fresh=True)]
    assert len(set(shared)) == 1
    assert len({*fresh, *shared, str(os.getpid())}) == 4
