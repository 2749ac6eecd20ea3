"""A config's own modules: imported before their mixers are asked for, in whatever process."""

from __future__ import annotations

from pathlib import Path

import pytest

from ffnet3d.engine.config import dump_config, load_config, validate_config
from ffnet3d.models import MIXERS, build_model

DEMO = Path(__file__).parents[2] / "configs" / "demo" / "ffnet3d.py"
MIXER = """
from ffnet3d.models import MIXERS, MetaMixer

@MIXERS.register("{name}")
class Own(MetaMixer):
    def __init__(self, spec):
        super().__init__()
"""


def config_with(folder: Path, mixer: str, module: str) -> Path:
    config = folder / "own.py"
    config.write_text(
        f"_base_ = [{str(DEMO)!r}]\n"
        f"custom_imports = dict(imports=[{module!r}])\n"
        f"model = dict(backbone=dict(mixers={mixer!r}))\n"
    )
    return config


def test_a_mixer_of_ones_own_is_known_to_the_run_and_to_whoever_reads_its_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mixers_of_a_test.py").write_text(MIXER.format(name="of_a_test"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(MIXERS, "_entries", dict(MIXERS._entries))
    config = load_config(config_with(tmp_path, "of_a_test", "mixers_of_a_test"))
    validate_config(config)
    model = build_model(config.model)
    assert type(model.backbone.encoder[0].blocks[0].token_mixer).__name__ == "Own"
    dump_config(config, tmp_path / "run.py")
    assert load_config(tmp_path / "run.py").custom_imports == {"imports": ["mixers_of_a_test"]}


def test_a_module_that_is_not_there_is_named_and_the_mixer_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = load_config(config_with(tmp_path, "not_there", "no_such_module_at_all"))
    assert "no_such_module_at_all" in caplog.text
    assert "PYTHONPATH" in caplog.text
    with pytest.raises(ValueError, match=r"model\.backbone: unknown mixer type 'not_there'"):
        validate_config(config)
