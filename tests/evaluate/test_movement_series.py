"""Series of velocity as cubes: values, calendar and caution kept, and splits at a date."""

import numpy as np
import pytest
from tests.evaluate.moving import small_series

from glaciercast import grid, store
from glaciercast.errors import InputError
from glaciercast.evaluate import movement_series
from glaciercast.patches import series as serieses
from glaciercast.patches import splits


def test_a_cube_of_a_series_holds_its_values_calendar_and_caution(tmp_path):
    made = small_series()
    made.vx[5, 2, 3] = made.vy[5, 2, 3] = np.nan
    path = movement_series.write_cube(made, tmp_path / "cube.zarr")
    aligned = store.open_cube(path)["aligned"].to_dataset()
    np.testing.assert_array_equal(aligned.vx.values, made.vx.values)
    assert float(aligned.vx_observed[5, 2, 3]) == 0 and int(aligned.vx_observed.sum()) == made.vx.size - 1
    half, span = np.timedelta64(15, "D"), np.timedelta64(30, "D")
    np.testing.assert_array_equal(aligned.time_bounds.values, np.stack([made.time - half, made.time + half], axis=1))
    np.testing.assert_array_equal(aligned.velocity_available_at.values, made.time.values + span)
    assert aligned.attrs["comment"] == movement_series.HINDCAST and aligned.attrs["steps_per_year"] == 12
    series = serieses.load(path, tmp_path / "cache", movement_series.COMPONENTS, 2)
    assert series.composite_length == 3 and grid.same(series.geobox, grid.of(made, "made"))
    movement_series.write_cube(made, path)  # the same again is no fault
    with pytest.raises(InputError, match="was begun from other input"):
        movement_series.write_cube(made.assign(vx=made.vx + 1), path)


def test_the_split_before_a_date_fits_on_nothing_that_was_not_available_by_then(tmp_path):
    series = serieses.load(
        movement_series.write_cube(small_series(), tmp_path / "cube.zarr"), tmp_path / "cache", movement_series.COMPONENTS, 2
    )
    shares = movement_series.shares_before(series, "2018-06-01", 3, 2, 12)
    split = splits.by_time(80, n_input=3, n_target=2, history=12, composite_length=series.composite_length, fractions=shares)
    last, first = split.targets["validation"].stop - 1, split.targets["test"].start
    assert series.available_at[last] <= np.datetime64("2018-06-01") < series.available_at[last + 1]
    assert first == last + 1 + split.gap and split.targets["test"].stop == 80
    with pytest.raises(InputError, match="split at 2014-06-01: 4 of 80 steps were available by then, too few on one side"):
        movement_series.shares_before(series, "2014-06-01", 3, 2, 12)
