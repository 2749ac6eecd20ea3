"""What a config's `hooks` ask of this engine: they name what it does anyway, and carry a few settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ffnet3d.engine.config import Config


def has_hook(config: Config, name: str) -> bool:
    """Whether `config.hooks` lists that hook."""
    return any(hook["type"] == name for hook in config.hooks)


def hook_argument(config: Config, name: str, argument: str) -> Any:
    """The argument of the hook of that name; None where the hook or the argument is absent."""
    return next((hook.get(argument) for hook in config.hooks if hook["type"] == name), None)
