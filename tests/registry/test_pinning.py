"""Pinning: params.yaml is written whole or not at all."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.modeling.config import ModelConfig, Pinned
from pipeline.registry import pinning


def test_a_pin_that_is_killed_while_it_writes_leaves_the_params_file(
    tmp_path: Path, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "params.yaml"
    settings: ModelConfig = config()
    YAML().dump({"models": {"mask": settings.model_dump(mode="json", exclude={"pinned"})}}, path)
    before = path.read_bytes()
    dump = YAML.dump

    def killed(yaml: YAML, document: Any, target: Path) -> None:
        dump(yaml, {}, target)
        raise KeyboardInterrupt

    pin = {"mask": (settings, Pinned(version="models:/mga-mask/1", folds={0: "a" * 64}))}
    with monkeypatch.context() as patch:
        patch.setattr(YAML, "dump", killed)
        with pytest.raises(KeyboardInterrupt):
            pinning.write(pin, {"mask": settings}, path)
    assert path.read_bytes() == before
    pinning.write(pin, {"mask": settings}, path)
    assert "models:/mga-mask/1" in path.read_text()
