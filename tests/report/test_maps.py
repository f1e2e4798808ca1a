"""The forecast panel shows the arrays given, on real coordinates, and hides what was not observed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from glaciercast.errors import InputError
from glaciercast.report.maps import forecast_panel

Maker = Callable[..., Any]


def images(figure: Figure) -> list[Any]:
    return [axes.images[0] for axes in figure.axes if axes.images]


def test_rows_are_truth_then_each_forecast_and_its_error(make_scene: Maker) -> None:
    truth, observed, forecasts = make_scene()
    figure = forecast_panel(truth, observed, forecasts, "2021-10", "NDSI", "1")
    drawn = images(figure)
    assert len(drawn) == (1 + 2 * 2) * 2
    labels = [axes.texts[0].get_text() for axes in figure.axes if axes.images and axes.texts]
    assert labels == ["observed", "damped_anomaly", "damped_anomaly\n− observed", "convlstm", "convlstm\n− observed"]
    np.testing.assert_allclose(drawn[2].get_array(), forecasts["damped_anomaly"][0])
    error = (forecasts["damped_anomaly"] - truth)[1].where(observed[1] > 0)
    np.testing.assert_allclose(drawn[5].get_array().filled(np.nan), error, atol=1e-6)


def test_unobserved_pixels_are_masked_in_truth_and_errors_but_not_in_forecasts(make_scene: Maker) -> None:
    truth, observed, forecasts = make_scene()
    drawn = images(forecast_panel(truth, observed, forecasts, "2021-10", "NDSI", "1"))
    hidden = observed[0].values == 0
    for image in (drawn[0], drawn[4], drawn[8]):
        np.testing.assert_array_equal(np.ma.getmaskarray(image.get_array()), hidden)
    assert not np.ma.getmaskarray(drawn[2].get_array()).any()
    hatched = [patch for patch in drawn[0].axes.patches if patch.get_hatch()]
    assert len(hatched) == 1 and hatched[0].get_zorder() < drawn[0].get_zorder()


def test_values_share_one_scale_and_errors_one_that_is_symmetric_about_zero(make_scene: Maker) -> None:
    drawn = images(forecast_panel(*make_scene(), "2021-10", "NDSI", "1"))
    values, errors = [drawn[i] for i in (0, 1, 2, 3, 6, 7)], [drawn[i] for i in (4, 5, 8, 9)]
    assert len({image.get_clim() for image in values}) == 1 and len({image.get_clim() for image in errors}) == 1
    low, high = errors[0].get_clim()
    assert low == -high and high > 0
    assert {image.cmap.name for image in errors} == {"RdBu_r"} and {image.cmap.name for image in values} == {"cividis"}


def test_a_perfect_forecast_has_zero_error_and_still_a_scale(make_scene: Maker) -> None:
    truth, observed, _ = make_scene()
    figure = forecast_panel(truth, observed, {"oracle": truth}, "2021-10", "NDSI", "1")
    assert images(figure)[4].get_clim() == (-1.0, 1.0)
    assert images(figure)[4].axes.get_title(loc="left") == "MSE 0"


def test_axes_are_kilometres_of_the_real_coordinates_with_north_up(make_scene: Maker) -> None:
    truth, observed, forecasts = make_scene()
    for flipped in (False, True):
        step = -1 if flipped else 1
        arrays = [a.isel(y=slice(None, None, step)) for a in (truth, observed, forecasts["convlstm"])]
        figure = forecast_panel(arrays[0], arrays[1], {"convlstm": arrays[2]}, "2021-10", "NDSI", "1")
        axes = images(figure)[0].axes
        assert axes.get_xlim() == pytest.approx((677.0, 679.4)) and axes.get_ylim() == pytest.approx((3560.23, 3562.03))
        left, right, bottom, top = images(figure)[0].get_extent()
        assert (left < right) and ((bottom < top) != flipped)
    assert (figure.axes[4].get_xlabel(), figure.axes[0].get_ylabel()) == ("Easting (km)", "Northing (km)")


def test_columns_name_the_target_month_and_the_observed_share(make_scene: Maker) -> None:
    figure = forecast_panel(*make_scene(), "2021-12", "NDSI", "1")
    assert [image.axes.get_title(loc="left") for image in images(figure)[:2]] == [
        "Jan 2022\nlead 1 month\n88 % observed",
        "Feb 2022\nlead 2 months\n84 % observed",
    ]
    assert "issued in December 2021" in figure.get_suptitle()


def test_target_times_that_the_truth_bears_are_used(make_scene: Maker) -> None:
    truth, observed, forecasts = make_scene()
    truth = truth.assign_coords(time=("lead", np.array(["2030-03-01", "2030-05-01"], dtype="datetime64[ns]")))
    figure = forecast_panel(truth, observed, forecasts, "2021-12", "NDSI", "1")
    assert images(figure)[1].axes.get_title(loc="left").startswith("May 2030")


def test_colour_bars_bear_label_and_units(make_scene: Maker) -> None:
    figure = forecast_panel(*make_scene(), "2021-10", "Surface speed", "m yr-1")
    bars = [axes.get_ylabel() for axes in figure.axes if not axes.images]
    assert bars == ["Surface speed (m yr-1)", *["Surface speed (m yr-1)", "Error (m yr-1)"] * 2]


def test_the_mse_of_a_map_is_weighted_by_what_was_observed(make_scene: Maker) -> None:
    truth, observed, _ = make_scene()
    forecast = truth + 0.1
    forecast[0, :, :40] = truth[0, :, :40] + 0.3
    weight = observed * 0 + 1.0
    weight[0, :, :40] = 0.5
    figure = forecast_panel(truth, weight, {"offset": forecast}, "2021-10", "NDSI", "1")
    # half of the pixels err by 0.3 with weight 0.5, half by 0.1: (0.5 * 0.09 + 0.01) / 1.5 = 0.0367
    assert images(figure)[4].axes.get_title(loc="left") == "MSE 0.0367"


def test_a_target_that_nobody_saw_has_no_score(make_scene: Maker) -> None:
    truth, observed, forecasts = make_scene()
    figure = forecast_panel(truth, observed * 0, forecasts, "2021-10", "NDSI", "1")
    assert images(figure)[4].axes.get_title(loc="left") == "nothing observed, no score"


def test_unusable_input_is_named(make_scene: Maker) -> None:
    truth, observed, forecasts = make_scene()
    with pytest.raises(InputError, match="no coordinate 'x'"):
        forecast_panel(truth.drop_vars("x"), observed, forecasts, "2021-10", "NDSI", "1")
    with pytest.raises(InputError, match="forecast 'convlstm' has shape"):
        forecast_panel(truth, observed, {"convlstm": forecasts["convlstm"][:, 1:]}, "2021-10", "NDSI", "1")
    with pytest.raises(InputError, match="at least one forecast"):
        forecast_panel(truth, observed, {}, "2021-10", "NDSI", "1")
    with pytest.raises(InputError, match="issue time must be a date"):
        forecast_panel(truth, observed, forecasts, "soon", "NDSI", "1")
    truth.coords["x"].attrs["units"] = "degrees_east"
    with pytest.raises(InputError, match="must be in metres, found units 'degrees_east'"):
        forecast_panel(truth, observed, forecasts, "2021-10", "NDSI", "1")


def test_pixels_without_a_forecast_do_not_pass_for_unobserved(make_scene: Maker) -> None:
    truth, observed, forecasts = make_scene()
    holed = forecasts["convlstm"].copy()
    holed[0, 30:40, 10:20] = np.nan
    drawn = images(forecast_panel(truth, observed, {"convlstm": holed}, "2021-10", "NDSI", "1"))
    cover = drawn[4].axes.images[1].get_array()
    assert (~np.ma.getmaskarray(cover)).sum() == 100 and not np.ma.getmaskarray(cover)[30:40, 10:20].any()
    assert len(drawn[5].axes.images) == 1
