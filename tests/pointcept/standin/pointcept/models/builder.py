"""A registry with the methods of Pointcept's that the adapter uses."""

from __future__ import annotations

from typing import Any


class Registry:
    def __init__(self) -> None:
        self.classes: dict[str, type] = {}

    def get(self, name: str) -> type | None:
        return self.classes.get(name)

    def register_module(
        self, name: str | None = None, force: bool = False, module: type | None = None
    ) -> Any:
        def add(cls: type) -> type:
            key = name or cls.__name__
            if key in self.classes and not force:
                raise KeyError(f"{key} is already registered")
            self.classes[key] = cls
            return cls

        return add if module is None else add(module)

    def build(self, config: dict[str, Any]) -> Any:
        arguments = config.copy()
        return self.classes[arguments.pop("type")](**arguments)


MODELS = Registry()


def build_model(config: dict[str, Any]) -> Any:
    return MODELS.build(config)
