"""What the results of one cube add to the table: no interval where windows overlap, and the sums of patches gathered by issue step."""

import copy

from tests.report.conftest import results as made

from glaciercast.workflow import model_cells


def test_without_final_the_test_part_is_not_even_asked_for():
    assert model_cells.parts(final=False) == ("validation",) and model_cells.parts(final=True) == ("validation", "test")


def test_over_overlapping_windows_no_interval_is_drawn():
    results = made(intervals=True)
    for model in results["models"].values():
        model["skills"] = {"damped_anomaly": {"skill": model["skill"], "interval": model["skill_interval"]}}
        model["figures"] = {"all": {"mse": model["mse"]}, "interval": {"mse": (0.0, 1.0)}}
    results["differences"] = [{"model": "a", "other": "b", "mse": 0.1, "interval": (0.0, 0.2)}]
    before = copy.deepcopy(results)
    found = model_cells.without_intervals(results)
    assert found["clusters"] == 0 and found["interval_note"].startswith("No interval is given: the windows of this split overlap")
    for name, model in found["models"].items():
        assert model["skill_interval"] is None and model["skills"]["damped_anomaly"]["interval"] is None
        assert model["skill"] == model["skills"]["damped_anomaly"]["skill"] == before["models"][name]["skill"]
        assert model["figures"] == {"all": {"mse": model["mse"]}} and model["mse_interval"] is None
    assert found["differences"] == [{"model": "a", "other": "b", "mse": 0.1, "interval": None}] and results == before
