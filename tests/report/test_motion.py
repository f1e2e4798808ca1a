"""Figures of motion show what was measured: speeds, errors, arrows, medians over the ice, metrics; and leave empty what was not."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from matplotlib.dates import date2num
from odc.geo.geobox import GeoBox

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.motion.quality import measure
from glaciercast.motion.velocity import Velocity
from glaciercast.report.motion import pair_figure, quality_figure, series_figure

SCENE = GeoBox((96, 128), Affine(10, 0, 500000, 0, -10, 4000000), "EPSG:32643")
AT = GeoBox((24, 32), Affine(40, 0, 500000, 0, -40, 4000000), "EPSG:32643")
ICE = np.zeros(AT.shape, bool)
ICE[6:18] = True


def velocity(seed: int = 0) -> Velocity:
    """Return ice at (120, −50) m/yr beside still ground, with noise; the last four columns are invalid."""
    noise = np.random.default_rng(seed).normal(0, 4, (2, *AT.shape))
    vx, vy = (np.where(ICE, speed, 0.0) + part for speed, part in zip((120.0, -50.0), noise, strict=True))
    vx[:, -4:] = vy[:, -4:] = np.nan
    error = np.where(np.isfinite(vx), 4.0, np.nan)
    return Velocity(*(part.astype("float32") for part in (vx, vy, error)))


def words(panel) -> str:
    return panel.get_title(loc="left") + panel.get_title()


def png(path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG")


def test_a_pair_shows_speed_and_error_and_leaves_invalid_vectors_empty(tmp_path):
    image, found = np.random.default_rng(1).normal(size=SCENE.shape), velocity()
    figure = pair_figure(tmp_path / "new" / "pair.png", image, SCENE, found, AT, ICE, ("2021-03-01", "2021-03-17"), "half is cloud")
    assert png(tmp_path / "new" / "pair.png")
    (left, right), bars = figure.axes[:2], figure.axes[2:]
    for panel, values in ((left, found.speed), (right, found.error)):
        background, layer = panel.images
        np.testing.assert_array_equal(background.get_array(), image)
        np.testing.assert_array_equal(np.ma.getmaskarray(layer.get_array()), np.isnan(values))
        np.testing.assert_array_equal(layer.get_array().compressed(), values[np.isfinite(values)])
        assert background.get_extent() == layer.get_extent() == [500.0, 501.28, 3999.04, 4000.0]
        assert panel.get_xlabel() == "Easting (km)"
    assert [bar.get_ylabel() for bar in bars] == ["speed (m/yr)", "1 σ of a component (m/yr)"]
    assert figure.get_suptitle() == "2021-03-01 to 2021-03-17 (16 days): 88% of vectors are believed\nhalf is cloud"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["no colour: no vector that is believed", "no data in the scene", "edge of the ice"]


def test_what_speaks_against_a_pair_is_told_in_full_within_the_figure(tmp_path):
    note = "; ".join(["1% of 768 vectors are valid: haze, clouds or snow hide the ground", "24 vectors lie on stable ground: nothing"] * 4)
    image = np.random.default_rng(1).normal(size=SCENE.shape)
    figure = pair_figure(tmp_path / "pair.png", image, SCENE, velocity(), AT, ICE, ("2021-03-01", "2021-03-17"), note)
    _, *lines = figure.get_suptitle().splitlines()
    assert " ".join(lines) == note and len(lines) == 4
    figure.draw_without_rendering()
    title, maps = figure._suptitle.get_window_extent(), figure.axes[0].get_window_extent()
    assert 0.7 * figure.bbox.x1 < title.x1 < figure.bbox.x1 and maps.y1 < title.y0 < title.y1 < figure.bbox.y1
    assert maps.height > 3.2 * figure.dpi  # the figure grows with the lines, and the maps do not shrink


def test_arrows_are_the_vectors_at_their_places_and_none_where_there_is_none(tmp_path):
    found = velocity()
    figure = pair_figure(tmp_path / "pair.png", np.ones(SCENE.shape), SCENE, found, AT, None, ("2021-03-01", "2021-03-17"))
    arrows = next(each for each in figure.axes[0].collections if hasattr(each, "U"))
    assert len(arrows.U) == 12 * 14  # every second vector; the last two columns of them are invalid
    x, y = arrows.XY[0]
    assert (x, y) == pytest.approx((500.06, 3999.94))
    np.testing.assert_allclose(arrows.U, found.vx[1::2, 1::2][:, :14].ravel())
    np.testing.assert_allclose(arrows.V, found.vy[1::2, 1::2][:, :14].ravel())
    key = next(each for each in figure.axes[0].artists if hasattr(each, "label") and hasattr(each, "U"))
    assert key.U == 100 and key.label == "100 m/yr" and key.U / arrows.scale == pytest.approx(0.08)  # as long as two vectors are apart
    assert len(figure.legends[0].get_texts()) == 2


def test_a_pair_without_any_valid_vector_can_be_drawn(tmp_path):
    nothing = Velocity(*(np.full(AT.shape, np.nan, "float32") for _ in range(3)))
    figure = pair_figure(tmp_path / "pair.png", np.full(SCENE.shape, np.nan), SCENE, nothing, AT, ICE, ("2021-03-01", "2021-03-17"))
    assert "0% of vectors are believed" in figure.get_suptitle() and png(tmp_path / "pair.png")


def series() -> tuple[xr.Dataset, xr.Dataset]:
    """Return a series of four months: ice at 100 … 130 m/yr eastward with an error of 3 and 4, and one pixel without."""
    edges = np.arange("2021-01", "2021-06", dtype="datetime64[M]").astype("datetime64[ns]")
    speed = np.array([100.0, 110.0, 120.0, 130.0])[:, None, None] * ICE
    speed[:, 7, 7] = np.nan
    seen = np.broadcast_to(np.array([1.0, 0.5, 0.0, 0.25])[:, None, None], speed.shape)
    layers = {"vx": speed, "vy": 0 * speed, "vx_error": 3 + 0 * speed, "vy_error": 4 + 0 * speed, "vx_observed": seen, "vy_observed": seen}
    dataset = xr.Dataset(
        {
            **{name: (("time", "y", "x"), values.astype("float32")) for name, values in layers.items()},
            "time_bounds": (("time", "bounds"), np.stack([edges[:-1], edges[1:]], axis=1)),
        },
        coords={**grid.coordinates(AT), "time": edges[:-1]},
    )
    closure = np.where(np.isnan(speed[0]), np.nan, 1.5).astype("float32")
    return dataset, xr.Dataset({"closure": (("y", "x"), closure)}, coords=grid.coordinates(AT))


def test_a_series_shows_medians_over_the_ice_with_error_and_observed_share(tmp_path):
    dataset, fit = series()
    figure = series_figure(tmp_path / "series.png", dataset, fit, ICE, "Own velocities")
    assert png(tmp_path / "series.png") and figure.get_suptitle() == "Own velocities"
    speed, seen, mean, closure = figure.axes[:4]
    line = speed.lines[0]
    np.testing.assert_allclose(line.get_ydata(), [100, 110, 120, 130])
    bounds = date2num(dataset["time_bounds"].values)
    np.testing.assert_allclose(date2num(line.get_xdata()), bounds.mean(axis=1))
    edge = speed.collections[0].get_paths()[0].vertices[:, 1]
    sigma = np.sqrt(12.5)
    assert (edge.min(), edge.max()) == pytest.approx((100 - sigma, 130 + sigma))
    assert [bar.get_height() for bar in seen.patches] == pytest.approx([100, 50, 0, 25])
    np.testing.assert_allclose([bar.get_x() for bar in seen.patches], bounds[:, 0])
    assert seen.get_xlim() == speed.get_xlim() and speed.get_ylabel() == "speed (m/yr)"
    assert mean.images[0].get_array()[6, 6] == pytest.approx(115) and np.ma.getmaskarray(mean.images[0].get_array())[7, 7]
    assert closure.images[0].get_array()[0, 0] == 1.5
    assert [axes.get_ylabel() for axes in figure.axes[4:]] == ["speed (m/yr)", "closure (m)"]


def test_a_series_without_an_outline_is_of_every_pixel_that_has_one(tmp_path):
    dataset, fit = series()
    figure = series_figure(tmp_path / "series.png", dataset, fit, None, "All")
    half = np.median(np.where(ICE, 100.0, 0.0)[np.isfinite(fit["closure"].values)])
    assert figure.axes[0].lines[0].get_ydata()[0] == half
    assert figure.axes[0].lines[0].get_label() == "median speed over all pixels"


@pytest.mark.parametrize(("unknown", "high"), [(slice(1, 2), 130 + np.sqrt(12.5)), (slice(None), 130)])
def test_errors_that_are_not_known_leave_a_gap_in_the_band_alone(tmp_path, unknown, high):
    dataset, fit = series()
    dataset["vx_error"][unknown] = np.nan
    dataset["vy_error"][0, 6, 6] = np.nan  # of one pixel: the others tell the median
    speed = series_figure(tmp_path / "series.png", dataset, fit, ICE, "Own velocities").axes[0]
    np.testing.assert_allclose(speed.lines[0].get_ydata(), [100, 110, 120, 130])
    assert speed.get_ylim() == pytest.approx((0, 1.1 * high)) and png(tmp_path / "series.png")
    band = [path.vertices for path in speed.collections[0].get_paths()]
    middle = date2num(dataset["time_bounds"].values).mean(axis=1)
    drawn = [step for step in range(4) if any(path[:, 0].min() <= middle[step] <= path[:, 0].max() for path in band)]
    assert drawn == ([] if unknown == slice(None) else [0, 2, 3])


def test_a_series_of_no_pixel_on_the_ice_is_refused(tmp_path):
    dataset, fit = series()
    alone = np.zeros(AT.shape, bool)
    alone[7, 7] = True
    with pytest.raises(InputError, match="expected pixels of the ice that have a series, found none"):
        series_figure(tmp_path / "series.png", dataset, fit, alone, "")
    assert not list(tmp_path.iterdir())


def test_quality_draws_the_metrics_that_are_measured(tmp_path):
    found, valid = velocity(), np.ones(AT.shape, bool)
    figure = quality_figure(tmp_path / "quality.png", found, AT, ICE, ~ICE, valid, "A pair")
    metrics = measure(found, AT, ICE, ~ICE, valid)
    still, ice = figure.axes[:2]
    for panel, (across, up) in (
        (still, (metrics.stable_half_width_x, metrics.stable_half_width_y)),
        (ice, (metrics.strain_half_width_along, metrics.strain_half_width_shear)),
    ):
        assert (panel.patches[0].get_width() / 2, panel.patches[0].get_height() / 2) == pytest.approx((across, up))
    assert words(still).startswith(f"Stable ground: {metrics.stable_vectors} vectors\n") and metrics.stable_vectors == 12 * 28
    assert words(ice).startswith(f"Ice: {metrics.strain_vectors} vectors\n") and ice.get_ylabel() == "shear strain rate (1/yr)"
    assert figure.get_suptitle() == "A pair: 12.5% of 768 vectors are invalid" and png(tmp_path / "quality.png")


def test_quality_without_outlines_says_so(tmp_path):
    figure = quality_figure(tmp_path / "quality.png", velocity(), AT, None, None, np.ones(AT.shape, bool), "A pair")
    assert [words(panel) for panel in figure.axes[:2]] == ["Stable ground: too few vectors", "Ice: too few vectors"]


def test_layers_of_other_grids_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"figure: expected the scene of shape \(96, 128\), found \(2, 2\)"):
        pair_figure(tmp_path / "pair.png", np.ones((2, 2)), SCENE, velocity(), AT, ICE, ("2021-03-01", "2021-03-17"))
    with pytest.raises(InputError, match=r"figure: expected the ice of shape \(24, 32\), found \(2, 2\)"):
        series_figure(tmp_path / "series.png", *series(), np.ones((2, 2), bool), "")
