"""Models are found by name, and a wrong name or option is one helpful line."""

import json

import pytest
from tests.models.batches import task

from glaciercast.errors import ConfigError, InputError
from glaciercast.models import registry
from glaciercast.models.base import Baseline, Network


def test_baselines_come_first_and_each_is_of_its_kind():
    baselines, networks = registry.names("baseline"), registry.names("network")
    assert registry.names() == baselines + networks
    assert {"persistence", "same_season", "climatology", "damped_anomaly"} <= set(baselines)
    assert {"lstm", "unet_time"} <= set(networks)
    for name in baselines:
        assert isinstance(registry.create(name, task()), Baseline)
    for name in networks:
        model = registry.create(name, task())
        assert isinstance(model, Network) and model.name == name


def test_options_reach_the_network():
    assert registry.create("lstm", task(), hidden=5).readout.in_features == 5
    assert registry.create("unet_time", task(), widths=(4, 8)).multiple == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lstn", {}, r"unknown model 'lstn' \(did you mean 'lstm'\?\); known: "),
        ("lstm", {"hiden": 3}, r"unknown option of lstm 'hiden' \(did you mean 'hidden'\?\); known: "),
        ("persistence", {"hidden": 3}, "unknown option 'hidden': persistence has no options"),
    ],
)
def test_a_wrong_name_or_option_is_one_line(name, options, message):
    with pytest.raises(InputError, match=message):
        registry.create(name, task(), **options)


def test_a_wrong_value_names_the_option():
    with pytest.raises(ConfigError, match=r"options of lstm: key 'hidden': .* found 0"):
        registry.create("lstm", task(), hidden=0)


def test_the_description_is_plain_json():
    described = {entry["name"]: entry for entry in registry.describe()}
    assert json.loads(json.dumps(described)) == described
    assert described["unet_time"]["options"]["widths"] == [16, 32, 64]
    assert described["climatology"]["options"] == {} and described["climatology"]["kind"] == "baseline"
    assert all(entry["summary"].endswith(".") for entry in described.values())


def test_a_preset_gives_its_options_and_an_option_overrides_it():
    presets = registry.find("lstm").factory.presets
    assert registry.resolved("lstm", "paper", {}).hidden == presets["paper"]["hidden"] > registry.resolved("lstm", "small", {}).hidden
    assert registry.resolved("lstm", "paper", {"hidden": 7}).hidden == 7
    with pytest.raises(InputError, match=r"unknown preset of lstm 'papr' \(did you mean 'paper'\?\)"):
        registry.create("lstm", task(), preset="papr")


def test_a_name_is_given_once():
    class Other(Network):
        pass

    with pytest.raises(ValueError, match="'lstm' is taken"):
        registry.register("lstm", kind="network", summary="x.")(Other)
    assert registry.find("lstm").factory.__name__ == "LstmEncoderDecoder"
