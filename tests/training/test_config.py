"""Training options that do not go together are refused."""

import pytest

from glaciercast import config
from glaciercast.errors import ConfigError
from glaciercast.training.config import AugmentConfig, TrainingConfig


def test_a_scene_is_not_shared_out_among_processes():
    message = r"devices: expected 1 with the loss 'scene', as processes do not share a scene, found 2"
    with pytest.raises(ConfigError, match=message):
        config.parse(TrainingConfig, {"loss": "scene", "devices": 2}, "options")


@pytest.mark.parametrize("amounts", [{"flips": True}, {"rotations": True}, {"brightness": 0.1}, {"cloud_gaps": 0.2}])
def test_any_variation_is_one(amounts):
    assert AugmentConfig(**amounts).active and not AugmentConfig().active
