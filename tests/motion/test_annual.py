"""Years and a season: years by value where the pairs fall on one part of the year, blunders, and held-back pairs of a real glacier."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from glaciercast.align.weighted import error_weighted
from glaciercast.errors import InputError
from glaciercast.motion.annual import invert_with_season, long_steps
from glaciercast.motion.inversion import InversionConfig, invert
from glaciercast.motion.network import YEAR, edges_of, network

DAY = np.timedelta64(1, "D")
YEARS = pd.date_range("2015-01-01", "2021-01-01", freq="YS")


def summer_pairs(share, seed=0, blunders=0.0, pairs=600):
    """Return pairs of 16 to 96 days, of which a `share` (year,) lies from April to September; years of 90 … 110 m/yr; a season of ±40."""
    rng = np.random.default_rng(seed)
    year = rng.integers(0, 6, pairs)
    summer = rng.random(pairs) < np.asarray(share)[year]
    day = np.where(summer, rng.integers(90, 270, pairs), (rng.integers(270, 455, pairs)) % 365)
    span = rng.integers(16, 97, pairs)
    first = np.clip((YEARS[:-1].to_numpy()[year] - YEARS[0].to_datetime64()) / DAY + day - span / 2, 0, None)
    second = np.minimum(first + span, (YEARS[-1] - YEARS[0]).days)
    fine = np.arange(0.0, (YEARS[-1] - YEARS[0]).days + 1, 0.5)
    level = np.interp(fine / YEAR, np.arange(6) + 0.5, [90, 110, 95, 105, 100, 92])
    speed = level + 40 * np.cos(2 * np.pi * (fine - 180) / YEAR)
    path = np.r_[0, np.cumsum((speed[1:] + speed[:-1]) / 2 * 0.5 / YEAR)]
    at = lambda days: np.interp(days, fine, path)  # noqa: E731
    seen = (at(second) - at(first)) / (second - first) * YEAR
    error = 3.0 / (second - first) * YEAR
    shape = (pairs, 2, 3)
    vx, vy = ((part * seen)[:, None, None] + rng.normal(size=shape) * error[:, None, None] for part in (1.0, -0.5))
    wrong = rng.random(shape) < blunders
    vx[wrong], vy[wrong] = rng.uniform(-2000, 2000, (2, int(wrong.sum())))
    times = [YEARS[0].to_datetime64().astype("M8[ns]") + (days * 86400).astype("timedelta64[s]") for days in (first, second)]
    true = np.diff(at((YEARS - YEARS[0]) / pd.Timedelta("1D"))) / np.diff((YEARS - YEARS[0]) / pd.Timedelta("1D")) * YEAR
    return vx.astype("f4"), vy.astype("f4"), np.broadcast_to(error[:, None, None], shape).astype("f4"), *times, true[:, None, None]


@pytest.mark.parametrize(("blunders", "worse"), [(0.0, 3.0), (0.1, 1.8)])
def test_years_do_not_move_with_the_season_in_which_their_pairs_fall(blunders, worse):
    *pairs, true = summer_pairs([0.9, 0.1, 0.9, 0.1, 0.9, 0.5], blunders=blunders)
    found, plain = invert_with_season(*pairs, YEARS).series, invert(*pairs, YEARS)
    off = [float(np.sqrt(np.mean((one.vx - true) ** 2 + (one.vy + 0.5 * true) ** 2))) for one in (found, plain)]
    assert off[0] < 4.5 and off[1] > worse * off[0]


def test_the_season_is_that_of_the_pairs_and_with_it_they_are_explained_to_their_errors():
    *pairs, _ = summer_pairs([0.5] * 6)
    found = invert_with_season(*pairs, YEARS)
    np.testing.assert_allclose(found.season[0].amplitude, 40, atol=4)
    np.testing.assert_allclose(found.season[1].amplitude, 20, atol=4)
    np.testing.assert_allclose(found.season[0].peak_day, 180, atol=8)
    away = (np.stack(pairs[:2]) - found.seen(*pairs[3:], YEARS)) / pairs[2]
    assert away.std() == pytest.approx(1.0, abs=0.06)


def test_steps_of_months_show_the_season_themselves():
    assert long_steps(YEARS) and not long_steps(pd.date_range("2020-01-01", periods=5, freq="QS"))
    *pairs, _ = summer_pairs([0.5] * 6)
    with pytest.raises(InputError, match=r"expected a later second image"):
        invert_with_season(*pairs[:3], pairs[4], pairs[3], YEARS)


@pytest.mark.slow
def test_by_default_years_and_a_season_scatter_less_against_real_pairs_held_back_than_the_means_of_years(real_data):
    with xr.open_dataset(real_data("itslive_hma/itslive_RGI15-16257_compact.nc"), decode_timedelta=False) as cube:
        first, second = (cube[f"acquisition_date_img{image}"].values for image in "12")
        arrays, ice = [cube[name].values for name in ("vx", "vy", "v_error")], cube.landice.values == 1
    short = InversionConfig().counts(first, second)  # of at most 128 days
    mean = error_weighted(*(a[short] for a in arrays), np.zeros(short.sum()))
    fast = ice & (np.hypot(mean.vx[0], mean.vy[0]) > 25)
    arrays = [a[short][:, fast][:, None, ::2] for a in arrays]
    first, second = first[short], second[short]
    held = np.random.default_rng(0).random(len(first)) < 0.2
    years, year = edges_of(first, second, "YS"), pd.DatetimeIndex(first + (second - first) / 2).year.to_numpy()
    learnt = (*(a[~held] for a in arrays), first[~held], second[~held])
    group = error_weighted(*learnt[:3], year[~held])
    means = np.full((2, len(years) - 1, *arrays[0].shape[1:]), np.nan)
    means[:, np.searchsorted(years.year, group.groups)] = group.vx, group.vy
    shares = network(first[held], second[held], years).by_step()
    usable = np.einsum("pk,kyx->pyx", shares, np.isfinite(means).all(axis=0)) > 0.999
    told = np.stack([np.einsum("pk,kyx->pyx", shares, np.nan_to_num(values)) for values in means])
    ours = invert_with_season(*learnt, years).seen(first[held], second[held], years)
    base, away = (np.where(usable, np.hypot(*(np.stack(arrays[:2])[:, held] - seen)), np.nan) for seen in (told, ours))
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, held.sum(), held.sum()) for _ in range(200)]
    ratios = [np.nanmedian(away[draw]) / np.nanmedian(base[draw]) for draw in draws]
    assert np.nanmedian(away) < 0.95 * np.nanmedian(base) and np.percentile(ratios, 97.5) < 0.98
