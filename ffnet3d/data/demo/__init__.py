"""Demo rooms: furnished rooms made by a procedure, with all 13 classes of S3DIS, that need no download.

`surfaces` samples rectangles, cylinders and ellipsoids; `items` names what is built of them; `fixtures`,
`furniture` and `clutter` build it. `plan` finds free places, `room` holds what was placed, `structure` and
`furnish` decide what goes where in the `style` of an area. `scanner` looks at the room, `paint` colours it,
`make` writes it.
"""

from __future__ import annotations

from ffnet3d.data.demo.items import Label
from ffnet3d.data.demo.make import make_demo, make_room
from ffnet3d.data.demo.style import Style

__all__ = ["Label", "Style", "make_demo", "make_room"]
