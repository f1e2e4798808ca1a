"""Errors of velocities by hand: components, speed, and skill against the best baseline of each lead."""

import numpy as np
import pytest

from glaciercast.errors import GlaciercastError
from glaciercast.evaluate import movement_table


def test_errors_are_of_components_and_speed_is_made_from_them():
    truth = np.array([3.0, 4.0]).reshape(1, 1, 2, 1, 1)
    forecast = np.array([-3.0, 4.0]).reshape(1, 1, 2, 1, 1)
    found = {name: float(values.squeeze()) for name, values in movement_table.squared_errors(forecast, truth).items()}
    assert found == {"vx": 36.0, "vy": 0.0, "both": 18.0, "speed": 0.0}
    with pytest.raises(GlaciercastError, match="1 forecast values are not finite where they are scored"):
        movement_table.squared_errors(np.where(forecast < 0, np.nan, forecast), truth)
    hidden = movement_table.squared_errors(np.where(forecast < 0, np.nan, forecast), np.full_like(truth, np.nan))
    assert np.isnan(hidden["speed"]).all()


def test_skill_is_against_the_best_baseline_of_each_lead():
    """Two windows, two leads: one baseline errs by 1 and 3, the other by 2 and 2, the network by 1 and 1."""
    truth = np.zeros((2, 2, 2, 1, 1))
    errors = {"near": (1, 3), "far": (2, 2), "network": (1, 1)}
    made = {name: truth + np.array(error).reshape(1, 2, 1, 1, 1) for name, error in errors.items()}
    found = movement_table.compare(made, truth, np.zeros((2, 1, 1), int), ["near", "far"])
    assert found["best_baseline_by_lead"] == ["near", "far"] and found["best_baseline"] == "far"
    network = found["models"]["network"]
    assert network["skill_by_lead"] == [0.0, 0.75] and network["skill"] == 0.75 and network["kind"] == "network"
    assert network["against"]["near"] == {"skill": 0.8, "interval": None}
    assert network["interval"] is None and found["clusters"] == 1
