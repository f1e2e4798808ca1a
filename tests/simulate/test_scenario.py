"""Scenarios: the built-in ones, and what is refused before anything is simulated."""

from __future__ import annotations

import pytest

from glaciercast import config
from glaciercast.errors import ConfigError, InputError
from glaciercast.simulate import archive, scenario
from glaciercast.simulate.scenario import Scenario


def changed(name: str = "tiny", **overrides: object) -> Scenario:
    """Return a built-in scenario with dotted keys (``area__lat``) replaced."""
    data = config.plain(scenario.load(name))
    return config.parse(Scenario, config.merge(data, {key.replace("__", "."): value for key, value in overrides.items()}), "test")


def test_built_in_scenarios_by_value():
    parvati, shisper = scenario.load("parvati-like"), scenario.load("shisper-like")
    assert (parvati.area.rows, parvati.area.columns, parvati.area.resolution) == (800, 800, 30.0)
    assert (parvati.end - parvati.start).days > 8 * 365
    assert shisper.surge is not None and 17 < shisper.surge.speed <= 18.5
    assert shisper.lake is not None and shisper.temperature is not None and shisper.temperature.start.year == 2000
    assert set(scenario.names()) == {"aletsch-like", "parvati-like", "shisper-like", "small", "tiny"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"area__lat": -33.5}, "greater than or equal to 0"),
        ({"area__lat": 84.0}, "less than or equal to 82"),
        ({"area__crs": "EPSG:4326"}, "expected a projected CRS"),
        ({"area__crs": "EPSG:32719"}, "does not cover 74.6 E"),
        ({"terrain__peak": 3000}, "expected valley_floor < peak"),
        ({"weather__lapse_rate": 0}, "greater than 0"),
        ({"end": "2018-01-01"}, "expected start < end"),
        ({"lake__start": "2022-01-01"}, "lake.start: expected a day before end"),
        ({"temperature__start": "2022-01-01"}, "temperature.start: expected a day before end"),
        ({"velocity__start": "2022-01-01"}, "velocity.start: expected a day before end"),
        ({"surge__peak": "2019-01-01"}, "expected start < peak < end"),
    ],
)
def test_impossible_scenarios_are_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        changed(**overrides)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"tiles": []}, "one or two for Sentinel-2"), ({"tiles": ["a", "b", "c"]}, "one or two"), ({"end": "2018-01-01"}, "start <= end")],
)
def test_impossible_sensors_are_refused(change, message):
    data = config.plain(scenario.load("tiny"))
    data["optical"]["sensors"][-1] |= change
    with pytest.raises(ConfigError, match=message):
        config.parse(Scenario, data, "test")


def test_two_sensors_that_make_the_same_scene_are_refused_before_anything_is_written(tmp_path):
    data = config.plain(scenario.load("tiny"))
    data["optical"]["sensors"].append(data["optical"]["sensors"][0])
    with pytest.raises(InputError, match="two visits make the same scene LC08_L2SP_149035"):
        archive.simulate(config.parse(Scenario, data, "test"), tmp_path / "out", 1)
    assert not (tmp_path / "out" / "archive").exists() and not (tmp_path / "out" / "truth").exists()
