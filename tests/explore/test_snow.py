"""Snow by month: pooled over pixels, and the real season under two choices of mask."""

import numpy as np
import pytest

from glaciercast import config
from glaciercast.cube import masks
from glaciercast.explore import snow
from glaciercast.sources.rasters import RasterSource
from glaciercast.sources.recipe import Mask, Recipe


def test_pixels_count_alike_whichever_scene_they_come_from():
    nan = np.nan
    scenes = [(np.datetime64("2020-01-05"), np.array([[0.5, nan, nan]])), (np.datetime64("2021-01-25"), np.array([[0.1, 0.2, 0.4]]))]
    share = snow.snow_fraction_by_month(scenes)
    assert share[0] == 2 / 4 and np.isnan(share[1:]).all()


PERMISSIVE = [0.213, 0.484, 0.132, 0, 0.030, 0.018, 0, 0.002, 0, 0, 0.246, 0.356]


def test_the_real_season_under_both_masks(carpathians):
    """The figures that the data's README gives; the strict mask sees more snow in winter: two masks, two answers."""
    recipe = config.parse(
        Recipe,
        {
            "name": "r", "files": str(carpathians), "bands": {"green": "B3", "swir16": "B11"}, "scale": 1e-4, "nodata": 0,
            "mask": {"band": "SCL", "clear": masks.SCL_CLEAR, "nodata": 0},
        },
        "test",
    )  # fmt: skip
    source = RasterSource(recipe)
    assert len(source.scenes) == 140
    np.testing.assert_allclose(snow.snow_fraction_by_month(snow.clear_ndsi(source, recipe.mask)), PERMISSIVE, atol=0.005)
    strict = snow.snow_fraction_by_month(snow.clear_ndsi(source, Mask(band="SCL", clear=masks.SCL_STRICT, nodata=0)))
    assert strict[1] == pytest.approx(0.742, abs=0.005) and strict[11] == pytest.approx(0.669, abs=0.005)
