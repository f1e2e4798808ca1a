"""One pass over an optical product: each scene is read once, and snow in a mountain's shadow is no lake."""

import numpy as np
from tests import audited

from glaciercast import schema
from glaciercast.explore import optical
from glaciercast.explore.settings import ExploreConfig

DAYS = ("2020-01-10", "2020-07-10")
SETTINGS = ExploreConfig(band=10000.0)


def terrain():
    """Return a wall of 1000 m along the southern edge of a plain, without ice."""
    found = audited.terrain(np.zeros((30, 10), bool), audited.geobox((30, 10)))
    elevation = np.zeros((30, 10), "float32")
    elevation[28:] = 1000
    return found.assign(elevation=(("y", "x"), elevation, found["elevation"].attrs))


def scenes():
    """Return snow that is dark and blue near the wall in January, as the sky lights it, and snow everywhere in July."""
    clear = np.ones((2, 30, 10), bool)
    found = audited.optical(clear, days=DAYS)
    dark = np.zeros((2, 30, 10), bool)
    dark[0, 12:28, 1:-1] = True  # what stands beyond the edge casts no shadow that is known
    bands = {"green": (0.8, 0.12), "nir": (0.7, 0.05), "swir16": (0.1, 0.01)}
    layers = {name: (schema.GRID, np.where(dark, shade, lit).astype("float32"), {"units": "1"}) for name, (lit, shade) in bands.items()}
    angles = {"sun_elevation": np.float32([30.0, 75.0]), "sun_azimuth": np.float32([180.0, 180.0])}
    return found.assign(**layers, **{name: ("time", values, {"units": "degree"}) for name, values in angles.items()})


def test_level_snow_in_the_shadow_of_a_mountain_is_not_water():
    found, where = optical.read("/optical/landsat", scenes(), terrain(), SETTINGS)
    told = optical.describe(found, where)
    january = told["classes"]["ground"]["by_month"][0]
    # 1000 m / tan 30° = 1732 m: the shadow covers 17 rows of 100 m, so that all 16 dark ones lie in it
    assert found.shaded and january["water"] == 0 and january["shadow"] == 16 * 8 / 300
    assert january["snow"] == 1 and told["classes"]["ground"]["by_month"][6]["shadow"] == 0


def test_without_terrain_the_shadow_is_not_known_and_the_result_says_so():
    found, where = optical.read("/optical/landsat", scenes(), None, SETTINGS)
    told = optical.describe(found, where)
    assert told["shadows"] == "not known" and told["classes"]["scene"]["by_month"][0]["water"] == 16 * 8 / 300


def test_mean_ndsi_is_that_of_clear_pixels_of_the_month():
    dataset = scenes()
    clear = np.ones((2, 30, 10), bool)
    clear[0, 12:] = False
    found, where = optical.read("/optical/landsat", dataset.assign(clear=(schema.GRID, clear)), None, SETTINGS)
    months = optical.describe(found, where)["ndsi"][0]["by_month"]
    assert np.isclose(months[0], 7 / 9) and np.isclose(months[6], 7 / 9) and months[1] is None
    assert found.seen.tolist() == [0.4, 1.0]


def test_each_scene_is_read_once(monkeypatch):
    import xarray as xr

    loads = []
    load = xr.Dataset.load
    monkeypatch.setattr(xr.Dataset, "load", lambda self, **kw: (loads.append(dict(self.sizes)), load(self, **kw))[1])
    optical.read("/optical/landsat", scenes().chunk(time=1), None, SETTINGS)
    assert loads == [{"y": 30, "x": 10}] * 2


def test_without_a_near_infrared_band_there_is_coverage_but_no_cover():
    found, where = optical.read("/optical/landsat", scenes().drop_vars("nir"), terrain(), SETTINGS)
    told = optical.describe(found, where)
    assert told["classes"] is None and told["coverage"]["seen"] == 2
