"""Temperature of steps: days by hand, the cell under each pixel, lapse rates by closed form, and the truth of a simulation."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from glaciercast import grid
from glaciercast.align import lapse, regrid
from glaciercast.align.temperature import TemperatureAlign, TemperatureSteps, mean_of_periods
from glaciercast.errors import InputError
from glaciercast.sources import modis_grid

TARGET = GeoBox((240, 260), Affine(30, 0, 700005, 0, -30, 3560005), "EPSG:32643")
CELLS = modis_grid.lattice(TARGET.geographic_extent.boundingbox.bbox)
EDGES = pd.date_range("2020-01-01", "2020-07-01", freq="MS")
SHAPE = tuple(CELLS.shape)


def periods(starts, day, days=8, geobox=CELLS, latency="3D", rules=True, **more) -> xr.Dataset:
    """Return a temperature group; `day` is a scalar a period or (time, y, x), K."""
    first = pd.DatetimeIndex(starts)
    shape = (len(first), *geobox.shape)
    values = np.broadcast_to(np.reshape(day, (len(first), 1, 1)) if np.ndim(day) == 1 else day, shape).astype("float32")
    return xr.Dataset(
        {
            "lst_day": (("time", "y", "x"), values),
            "available_at": ("time", first + pd.Timedelta(days=days) + pd.Timedelta(latency)),
            **{name: (("time", "y", "x"), each) for name, each in more.items()},
        },
        coords={**grid.coordinates(geobox), "time": first},
        attrs={"rules": json.dumps({"latency": latency})} if rules else {},
    )


def test_a_step_is_the_mean_by_days_and_says_which_were_seen():
    # of February 2020 (29 days): 2 days of the first period, 8 of the second, 3 of the last; the last is unseen in one cell
    values = np.broadcast_to(np.array([270.0, 280.0, 290.0])[:, None, None], (3, *SHAPE)).copy()
    values[2, 3, 4] = np.nan
    steps = TemperatureSteps(periods(["2020-01-26", "2020-02-10", "2020-02-27"], values), TemperatureAlign(), TARGET, EDGES)
    made = steps.complete(steps.step(1))
    there = (steps.cells[0] == 3) & (steps.cells[1] == 4)
    assert 0 < there.sum() < 1100
    np.testing.assert_allclose(made.arrays["lst_day"][there], (2 * 270 + 8 * 280) / 10, rtol=1e-6)
    np.testing.assert_allclose(made.arrays["lst_day"][~there], (2 * 270 + 8 * 280 + 3 * 290) / 13, rtol=1e-6)
    np.testing.assert_allclose(made.observed["lst_day"], np.where(there, 10 / 29, 13 / 29), rtol=1e-6)
    assert steps.available(1) == np.datetime64("2020-03-09") and made.facts == {"periods": 3}  # 27 February, 8 days and 3 of latency
    empty = steps.step(5)
    assert np.isnan(empty.arrays["lst_day"]).all() and not empty.observed["lst_day"].any()
    assert steps.available(5) == np.datetime64("2020-07-01") and steps.names == ["lst_day"]


def test_a_composite_that_the_next_one_cuts_short_at_new_year_counts_no_day_twice():
    edges = pd.date_range("2019-12-01", "2020-02-01", freq="MS")
    steps = TemperatureSteps(periods(["2019-12-27", "2020-01-01"], [260.0, 280.0]), TemperatureAlign(), TARGET, edges)
    december, january = steps.step(0), steps.step(1)
    np.testing.assert_allclose(december.observed["lst_day"], 5 / 31, rtol=1e-6)
    np.testing.assert_allclose(january.arrays["lst_day"], 280)
    np.testing.assert_allclose(january.observed["lst_day"], 8 / 31, rtol=1e-6)


def test_a_window_of_several_steps_spans_those_before():
    steps = TemperatureSteps(periods(["2020-01-05", "2020-02-10"], [270.0, 280.0]), TemperatureAlign(), TARGET, EDGES, length=2)
    np.testing.assert_allclose(steps.step(1).arrays["lst_day"], 275)
    np.testing.assert_allclose(steps.step(1).observed["lst_day"], 16 / 60, rtol=1e-6)
    np.testing.assert_allclose(steps.step(2).arrays["lst_day"], 280)


def test_each_pixel_has_the_cell_that_holds_its_centre():
    """The place follows from longitude and latitude on the producers' sphere alone, to the last pixel."""
    numbered = np.arange(np.prod(SHAPE), dtype="float32").reshape(1, *SHAPE)
    steps = TemperatureSteps(periods(["2020-01-05"], numbered), TemperatureAlign(), TARGET, EDGES)
    x, y = np.meshgrid(TARGET.coordinates["x"].values, TARGET.coordinates["y"].values)
    lon, lat = (np.radians(part) for part in Transformer.from_crs("EPSG:32643", "EPSG:4326", always_xy=True).transform(x, y))
    across = (modis_grid.RADIUS * lon * np.cos(lat) - CELLS.affine.c) / modis_grid.PIXEL
    down = (CELLS.affine.f - modis_grid.RADIUS * lat) / modis_grid.PIXEL
    np.testing.assert_array_equal(steps.step(0).arrays["lst_day"], np.floor(down) * SHAPE[1] + np.floor(across))
    small = CELLS[2:5, 2:6]
    rows, columns = regrid.cells(small, TARGET)
    assert ((rows < 0) == (columns < 0)).all() and ((rows >= 0) == ((down >= 2) & (down < 5) & (across >= 2) & (across < 6))).all()
    assert np.isnan(regrid.spread(np.ones((3, 4), "float32"), (rows, columns))[rows < 0]).all()


def test_marks_of_melting_are_shares_of_the_observed_days():
    values = np.full((2, *SHAPE), 274.0, "float32")
    values[0, 0, 0] = np.nan
    marks = np.zeros((2, *SHAPE), bool)
    marks[1] = True
    group = periods(["2020-01-02", "2020-01-28"], values, melting_day=marks)
    steps = TemperatureSteps(group, TemperatureAlign(), TARGET, EDGES)
    share = steps.melting(0)["melting_day"]
    corner = (steps.cells[0] == 0) & (steps.cells[1] == 0)
    np.testing.assert_allclose(share[~corner], 4 / 12, rtol=1e-6)
    assert (share[corner] == 1).all() and np.isnan(steps.melting(5)["melting_day"]).all()


def test_a_lapse_rate_is_found_and_spreads_temperature_without_changing_cells():
    y, x = np.mgrid[:240, :260]
    elevation = (4000 + 6.0 * x - 3.0 * y + 150 * np.sin(x / 15)).astype("float32")
    where = regrid.cells(CELLS, TARGET)
    relief = lapse.Relief.of(elevation, where, SHAPE)
    truth = 280 - 5.5 * (elevation - 4000) / 1000
    cells = (280 - 5.5 * (relief.cells - 4000) / 1000).astype("float32")
    group = periods(["2020-01-05"], cells[None])
    fitted = TemperatureSteps(group, TemperatureAlign(method="lapse"), TARGET, EDGES, elevation)
    made = fitted.step(0)
    assert made.facts["lapse_rate_lst_day"] == -5.5 and made.facts["lapse_from_lst_day"] == "fit" and "downscaled" in fitted.comment
    np.testing.assert_allclose(made.arrays["lst_day"], truth, atol=2e-3)
    given = TemperatureSteps(group, TemperatureAlign(method="lapse", lapse_rate=-8.0), TARGET, EDGES, elevation).step(0)
    assert given.facts["lapse_from_lst_day"] == "settings"
    for row, column in ((3, 3), (4, 5)):
        inside = (where[0] == row) & (where[1] == column)
        assert given.arrays["lst_day"][inside].mean(dtype=float) == pytest.approx(float(cells[row, column]), abs=1e-3)
    plain = TemperatureSteps(group, TemperatureAlign(), TARGET, EDGES, elevation)
    assert "downscaled" not in plain.comment and "lapse_rate_lst_day" not in plain.step(0).facts


def test_a_lapse_rate_stands_firm_against_clouds_and_is_bounded():
    rng = np.random.default_rng(0)
    heights = rng.uniform(3000, 5500, (40, 40))
    warmth = (285 - 6.0 * (heights - 3000) / 1000 + rng.normal(0, 0.5, heights.shape)).astype("float32")
    warmth[rng.random(heights.shape) < 0.15] -= 25  # clouds that the quality bits missed
    rate, origin = lapse.fitted(warmth, heights)
    assert origin == "fit" and rate == pytest.approx(-6, abs=0.4)
    assert np.polyfit(heights.ravel() / 1000, warmth.ravel(), 1)[0] != pytest.approx(-6, abs=0.05)
    inverted = (260 + 4.0 * heights / 1000).astype("float32")
    assert lapse.fitted(inverted, heights) == (0.0, "fit, bounded")
    assert lapse.fitted(warmth[:3, :3], heights[:3, :3]) == (lapse.STANDARD, "standard: 9 cells")
    assert lapse.fitted(warmth, heights / 100) == (lapse.STANDARD, "standard: too little relief")


@given(arrays("float32", (4, 2, 3), elements=st.one_of(st.just(np.nan), st.floats(200, 330, width=32))), st.permutations(range(4)))
def test_a_mean_lies_among_its_periods_and_does_not_depend_on_their_order(values, order):
    days = np.array([2.0, 8.0, 8.0, 3.0])
    mean, seen = mean_of_periods(values, days)
    moved, _ = mean_of_periods(values[order], days[order])
    np.testing.assert_allclose(mean, moved, rtol=1e-6)
    known = ~np.isnan(values)
    assert (np.isnan(mean) == ~known.any(axis=0)).all()
    low, high = np.where(known, values, np.inf).min(axis=0), np.where(known, values, -np.inf).max(axis=0)
    assert ((mean >= low - 1e-3) & (mean <= high + 1e-3) | np.isnan(mean)).all()
    np.testing.assert_allclose(seen, (known * days[:, None, None]).sum(axis=0))


def test_wrong_input_is_refused_in_one_line():
    good = periods(["2020-01-05"], [270.0])
    with pytest.raises(InputError, match=r"expected lst_day or lst_night, found available_at"):
        TemperatureSteps(good.drop_vars("lst_day"), TemperatureAlign(), TARGET, EDGES)
    with pytest.raises(InputError, match=r"expected the attribute 'rules' with the latency, which tells periods' ends, found none"):
        TemperatureSteps(periods(["2020-01-05"], [270.0], rules=False), TemperatureAlign(), TARGET, EDGES)
    with pytest.raises(InputError, match=r"expected periods in order"):
        TemperatureSteps(periods(["2020-01-15", "2020-01-05"], [270.0, 1.0]), TemperatureAlign(), TARGET, EDGES)
    with pytest.raises(InputError, match=r"method lapse expected an elevation of shape \(240, 260\), found none"):
        TemperatureSteps(good, TemperatureAlign(method="lapse"), TARGET, EDGES)
    with pytest.raises(InputError, match=r"expected a step from 0 to 5, found -1"):
        TemperatureSteps(good, TemperatureAlign(), TARGET, EDGES).step(-1)
