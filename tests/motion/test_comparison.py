"""Two sources of velocity side by side: differences by hand, matched by time, on other grids and axes; gaps stay gaps."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.motion.axes import directions, to_map
from glaciercast.motion.comparison import agreement, compare, matches, records_of

FINE = GeoBox((12, 16), Affine(60, 0, 500000, 0, -60, 4000000), "EPSG:32643")
COARSE = GeoBox((8, 10), Affine(120, 0, 499900, 0, -120, 4000100), "EPSG:32643")


def centres(at: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(at.shape) + 0.5
    return at.affine.c + at.affine.a * columns, at.affine.f + at.affine.e * rows


def plane(at: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    x, y = centres(at)
    return 100 + (x - 500000) / 50, -20 + (y - 4000000) / 80


def pairs(at: GeoBox, spans: list[tuple[str, str]], vx: np.ndarray, vy: np.ndarray, error: float = 3.0) -> xr.Dataset:
    layers = {"vx": vx, "vy": vy, "v_error": np.full(at.shape, error)}
    stacked = {name: (("pair", "y", "x"), np.stack([one] * len(spans)).astype("float32")) for name, one in layers.items()}
    first, second = (np.array(times, dtype="datetime64[ns]") for times in zip(*spans, strict=True))
    times = {"acquired_first": ("pair", first), "acquired_second": ("pair", second)}
    return xr.Dataset({**stacked, **times}, coords=grid.coordinates(at))


def series(at: GeoBox, vx: np.ndarray, vy: np.ndarray) -> xr.Dataset:
    edges = np.array(["2021-01-01", "2021-02-01", "2021-03-01"], dtype="datetime64[ns]")
    layers = {"vx": vx, "vy": vy, "vx_error": 4 + 0 * vx, "vy_error": 1 + 0 * vx}
    stacked = {name: (("time", "y", "x"), np.stack([one] * 2).astype("float32")) for name, one in layers.items()}
    bounds = ("time", "bounds"), np.stack([edges[:-1], edges[1:]], axis=1)
    return xr.Dataset({**stacked, "time_bounds": bounds}, coords={**grid.coordinates(at), "time": edges[:-1]})


SPAN = ("2021-01-01", "2021-02-02")


def test_the_same_flow_on_another_grid_does_not_differ_and_an_offset_is_found():
    vx, vy = plane(FINE)
    own, other = pairs(FINE, [SPAN], vx + 5, vy - 2, 3.0), pairs(COARSE, [SPAN], *plane(COARSE), 4.0)
    found = compare(own, other)
    np.testing.assert_allclose(found.difference_x, 5, atol=1e-3)
    np.testing.assert_allclose(found.difference_y, -2, atol=1e-3)
    np.testing.assert_allclose(found.error_x, 5)  # 3 and 4
    got = found.agreement()
    assert (got.values, got.median_x, got.median_y) == pytest.approx((192, 5, -2), abs=1e-3)
    assert got.nmad_x == pytest.approx(0, abs=1e-3) and got.within_y == 1 and 0 <= got.within_x <= 1


def test_records_are_matched_by_the_time_that_they_share():
    own = records_of(pairs(FINE, [SPAN, ("2021-03-01", "2021-03-17"), ("2019-01-01", "2019-02-01")], *plane(FINE)), "own")
    spans = [("2021-01-09", "2021-02-02"), ("2021-01-01", "2022-01-01"), ("2021-03-01", "2021-03-17")]
    other = records_of(pairs(COARSE, spans, *plane(COARSE)), "other")
    left, right, overlap = matches(own, other, 0.5)
    assert left.tolist() == [0, 1] and right.tolist() == [0, 2]
    np.testing.assert_allclose(overlap, [24 / 32, 1])
    assert matches(own, other, 0.8)[0].tolist() == [1]


def test_a_series_is_compared_step_by_step_with_its_own_errors():
    vx, vy = plane(FINE)
    found = compare(series(FINE, vx, vy), series(COARSE, *plane(COARSE)))
    assert found.own.tolist() == found.other.tolist() == [0, 1] and found.overlap.tolist() == [1, 1]
    np.testing.assert_allclose(found.error_x, np.hypot(4, 4))
    np.testing.assert_allclose(found.error_y, np.hypot(1, 1))


def test_gaps_do_not_bleed_and_pixels_can_be_chosen():
    other = pairs(COARSE, [SPAN], *plane(COARSE))
    other["vx"][0, 4, 5] = np.nan
    vx, vy = plane(FINE)
    vx[0, 0] = np.nan
    found = compare(pairs(FINE, [SPAN], vx, vy), other)
    x, y = centres(FINE)
    gap_x, gap_y = (axis[4, 5] for axis in centres(COARSE))
    near = (np.abs(x - gap_x) < 60) & (np.abs(y - gap_y) < 60)  # the cell itself: its neighbours tell of what lies in theirs
    near[0, 0] = True
    np.testing.assert_array_equal(np.isnan(found.difference_x[0]), near)
    assert found.agreement().values == 192 - near.sum() and found.agreement(near).values == 0
    assert json.loads(json.dumps(found.agreement(near).to_json(), allow_nan=False))["median_x"] is None


def test_components_of_another_zone_are_turned_to_the_own_axes():
    """One flow to true north, seen in two zones whose grid north differ by 3.6°."""
    x, y = centres(FINE)
    middle = directions("EPSG:32643", x, y)
    own = pairs(FINE, [SPAN], *to_map(0 * x, 100 + 0 * x, middle))
    zone = FINE.to_crs("EPSG:32644").pad(4)
    theirs = directions("EPSG:32644", *centres(zone))
    other = pairs(zone, [SPAN], *to_map(np.zeros(zone.shape), np.full(zone.shape, 100.0), theirs))
    assert abs(other["vx"].values.mean()) > 5
    found = compare(own, other)
    np.testing.assert_allclose(found.difference_x, 0, atol=1e-3)
    np.testing.assert_allclose(found.difference_y, 0, atol=1e-3)


def test_right_errors_hold_two_thirds_of_gaussian_differences():
    rng = np.random.default_rng(0)
    sigma = rng.uniform(1, 9, 20_000)
    found = agreement(sigma * rng.normal(size=20_000), 2 * sigma * rng.normal(size=20_000) + 7, sigma, sigma)
    assert found.within_x == pytest.approx(0.683, abs=0.01) and found.within_y < 0.4
    assert found.median_y == pytest.approx(7, abs=0.3)


def test_what_does_not_overlap_or_is_no_velocity_is_refused():
    own = pairs(FINE, [SPAN], *plane(FINE))
    with pytest.raises(InputError, match="comparison: none of 1 and 1 velocities share 50% of the time"):
        compare(own, pairs(COARSE, [("2019-01-01", "2019-02-01")], *plane(COARSE)))
    with pytest.raises(InputError, match="other velocities: expected image pairs or a series of velocity, found neither"):
        compare(own, own[["vx", "vy"]])
