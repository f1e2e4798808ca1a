"""Which scenes are shown, in which colours, and what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from glaciercast import grid, workflow
from glaciercast.errors import InputError
from glaciercast.report import figures
from glaciercast.report import scenes as drawing

DAYS = np.array(["2015-01-20", "2016-02-10", "2015-04-01", "2015-06-05", "2014-06-25", "2015-08-08", "2017-10-30", "2014-12-24"], "M8[ns]")
CLEAR = np.array([0.2, 0.9, 0.5, 0.8, 0.7, 0.1, 0.6, 0.4])


def product(n_dates: int = 8, height: int = 30, width: int = 40) -> xr.Dataset:
    """Reflectances that count the dates, with a corner that holds no data."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    geobox = GeoBox((height, width), Affine(30, 0, 600_000, 0, -30, 4_000_000 + 30 * height), "EPSG:32643")
    values = np.ones((n_dates, height, width)) * np.linspace(0.1, 0.8, n_dates)[:, None, None]
    values[:, :5, :5] = np.nan
    bands = {band: (("time", "y", "x"), values * share) for band, share in (("swir16", 0.25), ("nir", 0.5), ("green", 1.0))}
    sensor = ("time", np.array(["made"] * n_dates, dtype=object))
    return xr.Dataset({**bands, "sensor": sensor}, coords={**grid.coordinates(geobox), "time": DAYS[:n_dates]})


def test_the_clearest_scene_of_each_two_months_is_shown_in_the_order_of_the_year() -> None:
    # 10 February beats 20 January, 5 June of one year beats 25 June of another; the rest is alone in its two months
    assert drawing.choose(DAYS, CLEAR) == [1, 2, 3, 5, 6, 7]


def test_where_a_season_has_no_scene_the_clearest_of_the_others_steps_in() -> None:
    summer = np.array(["2015-07-01", "2015-07-15", "2016-08-03", "2015-12-01"], "M8[ns]")
    assert drawing.choose(summer, np.array([0.1, 0.9, 0.5, 0.0]), count=3) == [1, 2, 3]
    assert drawing.choose(summer, np.array([0.1, 0.9, 0.5, 0.0])) == [0, 1, 2, 3]  # fewer scenes than places
    with pytest.raises(InputError, match="at least one scene, found 0 for 0"):
        drawing.choose(summer[:0], np.array([]))
    with pytest.raises(InputError, match="one clear share a scene and at least one scene, found 3 for 4"):
        drawing.choose(summer, np.zeros(3))


def test_colours_by_value() -> None:
    reflectance = np.array([[0.0, 0.4, 0.8], [1.2, -0.1, 0.2], [0.3, np.nan, 0.3]])
    expected = [[0, 0.5**0.7, 1, 1], [1, 0, 0.25**0.7, 1], [0, 0, 0, 0]]  # a missing band hides the pixel
    np.testing.assert_allclose(drawing.false_colour(reflectance, 0.8), expected)


def test_full_brightness_is_what_two_percent_exceed_but_never_a_dim_reflectance() -> None:
    assert drawing.white_point(np.linspace(0, 1, 101)) == pytest.approx(0.98)
    assert drawing.white_point(np.full(9, 0.1)) == drawing.white_point(np.full(9, np.nan)) == 0.6


def test_maps_bear_date_share_and_kilometres_and_missing_pixels_show_the_hatching() -> None:
    shown = [axes for axes in drawing.season_scenes(product(), CLEAR).axes if axes.images]
    assert len(shown) == 6
    assert shown[0].get_title(loc="left") == "10 February 2016\n90 % clear"
    assert shown[0].images[0].get_extent() == pytest.approx([600, 601.2, 4000, 4000.9])
    image = np.asarray(shown[0].images[0].get_array())
    assert (image[:5, :5, 3] == 0).all() and (image[5:, :, 3] == 1).all() and shown[0].patches[0].get_hatch()
    np.testing.assert_allclose(image[20, 20, :3], (0.2 * np.array([0.25, 0.5, 1.0]) / 0.8) ** 0.7)  # 0.8: the brightest shown
    assert shown[-1].get_xlabel() == "Easting (km)" and shown[0].get_ylabel() == "Northing (km)"


def test_large_scenes_are_thinned_and_keep_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "LARGEST_SIDE", 12)  # 40 columns: every fourth pixel
    image = drawing.season_scenes(product(n_dates=2), CLEAR[:2]).axes[0].images[0]
    assert np.asarray(image.get_array()).shape[:2] == (8, 10)
    assert image.get_extent() == pytest.approx([600, 601.2, 4000.9 - 8 * 0.12, 4000.9])


def test_a_cube_shows_its_scenes_with_the_shares_noted_when_it_was_built(scenes: Any, tmp_path: Path) -> None:
    half = np.ones(scenes.shape, "uint16")
    half[:8] = 0
    scenes.add("20200115", 0.5, half)
    scenes.add("20200715", 0.5)
    workflow.build(scenes.save(bands={"green": 1, "nir": 1, "swir16": 2}, sensor="made"), tmp_path / "run")
    found = figures.scenes(tmp_path / "run")
    assert found is not None
    figure, caption = found
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["15 January 2020\n50 % clear", "15 July 2020\n100 % clear"]
    assert caption.startswith("Scenes of made: of the 2 there are")


def test_a_cube_without_near_infrared_has_no_such_figure(scenes: Any, tmp_path: Path) -> None:
    scenes.add_months(2)
    workflow.build(scenes.save(), tmp_path / "run")
    assert figures.scenes(tmp_path / "run") is None
