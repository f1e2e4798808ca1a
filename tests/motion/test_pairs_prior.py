"""Where to search: medians of what was known before a year, along the axes of the scenes."""

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast.motion import pairs_prior

KNOWN = np.array(["2018-03-01", "2018-06-01", "2018-12-31", "2019-01-01", "2019-06-01"], "datetime64[ns]")


def test_only_pairs_that_were_known_when_the_year_began_count():
    rng = np.random.default_rng(0)
    vx, vy = rng.normal(size=(2, 5, 3, 4)).astype("float32")
    vx[:2, 0, 0] = np.nan
    vx[:, 1, 1] = np.nan
    pairs = xr.Dataset({"vx": (("pair", "y", "x"), vx), "vy": (("pair", "y", "x"), vy), "available_at": ("pair", KNOWN)})
    years = np.array(["2018", "2019", "2020"], "datetime64[Y]")
    found = pairs_prior.medians(pairs, years)
    assert np.isnan(found[0]).all() and np.isnan(found[:, 0, 1, 1]).all()
    assert found[1, 0, 0, 0] == vx[2, 0, 0]
    np.testing.assert_array_equal(found[1, 1], np.median(vy[:3], axis=0))
    np.testing.assert_array_equal(found[2, 1], np.median(vy, axis=0))


def test_velocity_turns_with_the_axes_of_another_zone():
    native = GeoBox((20, 20), Affine(120, 0, 700000, 0, -120, 4030000), "EPSG:32643")
    to_44 = native.footprint("EPSG:32644").boundingbox
    scene = GeoBox((40, 40), Affine(30, 0, to_44.left + 600, 0, -30, to_44.top - 600), "EPSG:32644")
    velocity = np.stack([np.full((20, 20), 100.0), np.zeros((20, 20))]).astype("float32")
    east, north = pairs_prior.on_scene(velocity, native, scene)
    lon, lat = native.footprint("EPSG:4326").boundingbox.span_x, np.deg2rad(native.footprint("EPSG:4326").boundingbox.bottom)
    angle = -np.deg2rad(6) * np.sin(
        lat
    )  # two zones' meridians converge by the sine of the latitude; the eastern grid is turned to the left
    assert lon < 0.1 and np.isfinite(east).all()
    np.testing.assert_allclose(np.rad2deg(np.arctan2(north, east)), np.rad2deg(angle), atol=0.1)
    np.testing.assert_allclose(np.hypot(east, north), 100, rtol=2e-3)
    same_east, same_north = pairs_prior.on_scene(velocity, native, native)
    assert (same_east == 100).all() and (same_north == 0).all()
