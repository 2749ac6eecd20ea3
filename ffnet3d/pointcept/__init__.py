"""FFNet3D in Pointcept: importing this package registers it there.

Registered: the backbone as `FFNet3D`, and under the released name `ffnet` where the checkout has no network
of that name. The PPT models, which know their backbones by name, are taught these two. One line of a config,
`custom_imports = dict(imports=["ffnet3d.pointcept"])`, makes Pointcept's own tools import this package.
"""

from __future__ import annotations

from ffnet3d.pointcept.packages import import_models

import_models()

from ffnet3d.pointcept.backbone import FFNet3D  # noqa: E402
from ffnet3d.pointcept.prompt_training import adapt_prompt_models  # noqa: E402
from ffnet3d.pointcept.spawn import register_in_spawned_processes  # noqa: E402
from ffnet3d.pointcept.transforms import extend_normalize_color  # noqa: E402

__all__ = ["FFNet3D"]

adapt_prompt_models()
extend_normalize_color()
register_in_spawned_processes()
