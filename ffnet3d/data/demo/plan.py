"""Where things fit: a rectangle (a floor, a wall, a table top) with the parts of it that are taken."""

from __future__ import annotations

import numpy as np

Rect = tuple[float, float, float, float]  # left, low, right, high
TOUCH = 1e-6  # metres of overhang that rounding may cause


def around(centre: tuple[float, float], size: tuple[float, float], margin: float = 0.0) -> Rect:
    """The rectangle of that size about `centre`, grown by `margin` on all sides."""
    half_width, half_height = size[0] / 2 + margin, size[1] / 2 + margin
    return (centre[0] - half_width, centre[1] - half_height, centre[0] + half_width, centre[1] + half_height)


class Plan:
    """The rectangle (0, 0)..(width, height), metres, and the rectangles taken within it."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self.taken: list[Rect] = []

    def fits(self, rect: Rect) -> bool:
        """Whether `rect` lies inside and touches nothing that is taken."""
        left, low, right, high = rect
        if left < -TOUCH or low < -TOUCH or right > self.width + TOUCH or high > self.height + TOUCH:
            return False
        return all(right <= t[0] or t[2] <= left or high <= t[1] or t[3] <= low for t in self.taken)

    def take(self, rect: Rect) -> None:
        """Mark `rect` as taken."""
        self.taken.append(rect)

    def find(
        self, size: tuple[float, float], rng: np.random.Generator, margin: float = 0.0, tries: int = 40
    ) -> tuple[float, float] | None:
        """The centre of a random free place of that size with `margin` about it; None if none turned up."""
        reach = (size[0] / 2 + margin, size[1] / 2 + margin)
        if 2 * reach[0] > self.width or 2 * reach[1] > self.height:
            return None
        for _ in range(tries):
            centre = (
                rng.uniform(reach[0], self.width - reach[0]),
                rng.uniform(reach[1], self.height - reach[1]),
            )
            if self.fits(around(centre, size, margin)):
                return centre
        return None
