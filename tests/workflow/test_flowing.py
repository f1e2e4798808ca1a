"""Flow of forecasts against the truth's: known shifts give known errors; what was not observed does not count; bad input is one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from matplotlib.figure import Figure
from odc.geo.geobox import GeoBox
from tests.motion.grounds import ground

from glaciercast import grid, runs
from glaciercast.errors import InputError, RunFolderError
from glaciercast.export import write_netcdf
from glaciercast.motion import flow as flows
from glaciercast.report import flow as report
from glaciercast.workflow.flowing import WHOLE, plot_flow, read_window, scores, step_words

AT = GeoBox((96, 96), Affine(30, 0, 500000, 0, -30, 4000000), "EPSG:32643")
KINDS = {"persistence": "baseline", "climatology": "baseline", "unet": "network", "lstm": "network"}
MSE = {"persistence": 0.3, "climatology": 0.1, "unet": 0.2, "lstm": 0.4}


def at(shift: float) -> np.ndarray:
    """Return ground that has moved by so many pixels to the right."""
    return (0.5 + 0.1 * ground(96, dx=shift)).astype("float32")


def window(models: dict[str, list[float]], observed: float = 1.0) -> xr.Dataset:
    """Return a window of two leads whose frames have moved as given from the last input, which persistence repeats."""
    shown = {"truth": [at(2.0), at(4.0)], "observed": [np.full((96, 96), observed, "float32")] * 2}
    shown |= {name: [at(shift) for shift in shifts] for name, shifts in models.items()}
    coords = {
        **grid.coordinates(AT),
        "model": np.array(list(shown), dtype=object),
        "time": pd.DatetimeIndex(["2021-05-01", "2021-06-01"]),
        "lead": ("time", [1, 2]),
        "issue_time": pd.Timestamp("2021-05-01"),
    }
    return xr.Dataset({"ndsi": (("model", "time", "y", "x"), np.array(list(shown.values())))}, coords=coords)


def benchmark(folder: Path, models: dict[str, list[float]], observed: float = 1.0) -> Path:
    (folder / "results").mkdir(parents=True)
    write_netcdf(window(models, observed), folder / "results" / "window.nc")
    facts = {name: {"kind": KINDS[name], "mse": MSE[name]} for name in models}
    runs.write_json(folder / "results" / "benchmark.json", {"variable": "ndsi", "units": "1", "models": facts})
    return folder


MODELS = {"persistence": [0.0, 0.0], "climatology": [1.0, 2.0], "unet": [2.0, 4.0], "lstm": [3.0, 7.0]}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    place = tmp_path_factory.mktemp("flowing")
    return plot_flow(benchmark(place / "run", MODELS), place / "out")


def test_errors_of_flow_are_those_of_the_shifts(drawn):
    """The truth moves by 2 px a step: a forecast that stays is 2 px off, one of half the way 1 px, one that goes too far 1 and 2 px."""
    assert drawn["no_flow"]["end_point_error_px"] == pytest.approx(2, abs=0.15) and drawn["no_flow"]["skill"] == 0
    expected = {"unet": [0, 0], "climatology": [1, 1], "lstm": [1, 2], "persistence": [2, 2]}
    assert list(drawn["models"]) == list(expected)  # the best first
    for name, steps in expected.items():
        found = drawn["models"][name]
        assert found["by_step_px"] == pytest.approx(steps, abs=0.15)
        assert found["end_point_error_px"] == pytest.approx(np.mean(steps), abs=0.15)
        assert found["end_point_error_m"] == pytest.approx(30 * found["end_point_error_px"])
        assert found["skill"] == pytest.approx(1 - found["end_point_error_px"] / drawn["no_flow"]["end_point_error_px"])
    assert drawn["models"]["unet"]["end_point_error_px"] == 0 and drawn["models"]["persistence"]["skill"] == pytest.approx(0, abs=1e-3)


def test_the_run_folder_holds_figure_and_numbers_with_the_caveat_and_is_never_overwritten(drawn):
    figure = Path(drawn["figure"])
    assert figure.read_bytes().startswith(b"\x89PNG")
    folder = figure.parent.parent
    assert json.loads((folder / "results" / "flow.json").read_text()) == drawn and runs.is_complete(folder)
    assert drawn["note"] == f"{flows.CAVEAT}; {WHOLE}" and "snow line moving, not ice" in flows.CAVEAT
    assert (drawn["pixel_m"], drawn["spacing_px"], drawn["issue_time"]) == (30, 40, "2021-05-01T00:00:00")
    assert drawn["steps"] == ["last input → 2021-05-01", "2021-05-01 → 2021-06-01"]
    with pytest.raises(RunFolderError, match="holds a finished 'plot flow' run"):
        plot_flow(folder.parent / "run", folder)


def test_without_the_last_input_flow_begins_at_the_first_target(tmp_path):
    run = benchmark(tmp_path / "run", {"unet": [2.0, 4.0], "climatology": [1.0, 2.0]})
    found = read_window(run / "results" / "window.nc", "ndsi")
    assert set(found.frames) == {"truth", "unet", "climatology"} and step_words(found.times) == ["2021-05-01 → 2021-06-01"]
    np.testing.assert_array_equal(found.frames["truth"], [at(2.0), at(4.0)])
    assert found.observed.all() and found.at == AT


def test_the_last_input_leads_every_source(tmp_path):
    found = read_window(benchmark(tmp_path / "run", MODELS) / "results" / "window.nc", "ndsi")
    for frames in found.frames.values():
        np.testing.assert_array_equal(frames[0], at(0.0))
    assert found.frames["lstm"].shape == (3, 96, 96) and np.isnat(found.times[0])


def test_what_was_not_observed_before_and_after_a_step_does_not_count():
    still, moved = flows.Flow(np.zeros((2, 2)), np.zeros((2, 2))), flows.Flow(np.array([[3.0, 30], [30, 30]]), np.array([[4.0, 0], [0, 0]]))
    observed = np.ones((3, 2, 2), bool)
    observed[1, :, 1] = observed[0, 1] = False  # one pixel is left of the first step, two of the second
    found = scores({"truth": [moved, moved], "lstm": [still, still]}, observed, 10.0)
    assert found["no_flow"]["by_step_px"] == [5, 17.5] and found["models"]["lstm"]["end_point_error_px"] == pytest.approx((5 + 5 + 30) / 3)
    assert found["models"]["lstm"]["end_point_error_m"] == pytest.approx(400 / 3) and found["models"]["lstm"]["skill"] == 0


def test_a_window_of_which_nothing_was_observed_has_no_score(tmp_path):
    drawn = plot_flow(benchmark(tmp_path / "run", {"climatology": [1.0, 2.0]}, observed=0.0), tmp_path / "out")
    nothing = {"end_point_error_px": None, "end_point_error_m": None, "by_step_px": [None], "skill": None}
    assert drawn["no_flow"] == drawn["models"]["climatology"] == nothing and drawn["note"] == flows.CAVEAT  # no last input


def test_the_figure_hides_the_truth_that_was_not_observed_and_no_forecast(tmp_path, monkeypatch):
    rows = {}

    def kept(shown, *rest):
        rows.update(shown, told=rest[-1])
        return Figure()

    monkeypatch.setattr(report, "flow_figure", kept)
    plot_flow(benchmark(tmp_path / "run", MODELS, observed=0.0), tmp_path / "out")
    observed = rows.pop("truth").observed
    assert observed[0].all() and not observed[1:].any() and rows.pop("told").endswith(WHOLE)
    assert list(rows) == ["climatology", "unet"] and all(row.observed is None for row in rows.values())


def test_what_is_no_benchmark_is_one_line_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"expected the folder of a finished benchmark, with results/window\.nc, found no such file"):
        plot_flow(tmp_path, tmp_path / "out")
    run = benchmark(tmp_path / "run", MODELS)
    with pytest.raises(InputError, match="expected variable speed, found ndsi"):
        read_window(run / "results" / "window.nc", "speed")
    assert not (tmp_path / "out").exists()
