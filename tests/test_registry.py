"""Names to classes, and the imports of optional packages."""

from __future__ import annotations

from typing import Any

import pytest

from ffnet3d.registry import Registry, nearest, require


class Square:
    def __init__(self, side: float, *, color: str = "red") -> None:
        self.side, self.color = side, color


def anything(**arguments: Any) -> dict[str, Any]:
    return arguments


@pytest.fixture
def shapes() -> Registry:
    registry = Registry("shape")
    registry.register()(Square)
    registry.register("Open")(anything)
    return registry


def test_entries_are_built_from_dicts(shapes: Registry) -> None:
    config = {"type": "Square", "side": 2}
    square = shapes.build(config, color="blue")
    assert (square.side, square.color) == (2, "blue")
    assert config == {"type": "Square", "side": 2}
    assert shapes.build({"type": "Open", "a": 1}) == {"a": 1}
    assert shapes.names() == ["Open", "Square"]
    assert shapes.get("Square") is Square
    assert shapes.check({"type": "Square"}, supplied=["side"]) is Square


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"type": "Sqare", "side": 1}, "unknown shape type 'Sqare': did you mean 'Square'"),
        ({"type": "Zzz"}, "unknown shape type 'Zzz': known: Open, Square"),
        ({"type": "Square", "side": 1, "colour": "red"}, "no argument 'colour': did you mean 'color'"),
        ({"type": "Square"}, "Square needs the argument 'side'"),
        ({"side": 1}, "a shape needs a dict with a 'type', got {'side': 1}"),
        ("Square", "a shape needs a dict with a 'type', got 'Square'"),
    ],
)
def test_mistakes_are_named(shapes: Registry, config: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        shapes.build(config)


def test_a_name_is_registered_once(shapes: Registry) -> None:
    with pytest.raises(ValueError, match="shape 'Square' is registered twice"):
        shapes.register()(Square)


def test_the_nearest_name_or_all() -> None:
    assert nearest("epohc", ["epoch", "seed"]) == "did you mean 'epoch'?"
    assert nearest("x", {"b", "a"}) == "known: a, b"


def test_an_absent_package_says_which_extra_brings_it() -> None:
    assert require("json", "train").dumps({}) == "{}"
    with pytest.raises(ImportError, match=r"no_such_module is needed here: pip install 'ffnet3d\[view\]'"):
        require("no_such_module", "view")
