"""/velocity/merged_series: turned, interpolated and merged by value; a run that was killed goes on; what does not match is refused."""

import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from glaciercast import grid, schema, store
from glaciercast.errors import InputError
from glaciercast.motion import merging
from glaciercast.motion.combination import combine
from glaciercast.motion.merging import MergeConfig, merge

EDGES = pd.date_range("2020-01-01", "2021-01-01", freq="MS")
COARSE = GeoBox((6, 8), Affine(240, 0, 455040, 0, -240, 4035120), "EPSG:32643")
FINE = GeoBox((9, 11), Affine(120, 0, 455160, 0, -120, 4034880), "EPSG:32643")
NAMES = ("vx", "vy", "vx_error", "vy_error", "vx_observed", "vy_observed")


def write(path, source, fields, native, edges=EDGES, available="2021-03-01", **attributes):
    """Write a series whose fields (`NAMES`) are numbers or arrays (time, y, x)."""
    shape = (len(edges) - 1, *native.shape)
    times = edges.to_numpy("datetime64[ns]")
    coords = xr.Dataset(
        {
            "time_bounds": (("time", "bounds"), np.stack([times[:-1], times[1:]], axis=1)),
            "available_at": ("time", np.full(len(times) - 1, np.datetime64(available, "ns"))),
        },
        coords={**grid.coordinates(native), "time": times[:-1]},
        attrs={"comment": f"made as {source}", "attribution": source, "looks_ahead": 1, **attributes},
    )
    store.create(path, schema.root_attributes("made"))
    writer = store.RegionWriter(path, f"/velocity/{source}_series", source)
    writer.begin(coords, dict.fromkeys(NAMES, "float32"), shape)
    arrays = {name: np.broadcast_to(np.asarray(values, "float32"), shape) for name, values in zip(NAMES, fields, strict=True)}
    writer.write(0, arrays, at=tuple(slice(0, size) for size in shape))
    writer.end()


def read(path, name="merged_series"):
    return store.open_cube(path)["velocity"][name].to_dataset().load()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cube.zarr"


def random_fields(rng, native, edges=EDGES):
    shape = (len(edges) - 1, *native.shape)
    vx, vy = rng.normal(50, 20, (2, *shape))
    vx[:, 1, 2] = vy[:, 1, 2] = np.nan
    return (vx, vy, *rng.uniform(1, 10, (2, *shape)), *rng.random((2, *shape)))


def slow_bilinear(values, y, x):
    """Return the value at a position (metres) of a north-up grid of cells (row, column), weighted by the areas of the overlap."""
    rows, columns = y - 0.5, x - 0.5
    total = weight = 0.0
    for r in (int(np.floor(rows)), int(np.floor(rows)) + 1):
        for c in (int(np.floor(columns)), int(np.floor(columns)) + 1):
            if 0 <= r < values.shape[0] and 0 <= c < values.shape[1] and np.isfinite(values[r, c]):
                share = (1 - abs(rows - r)) * (1 - abs(columns - c))
                total, weight = total + share * values[r, c], weight + share
    return total / weight


def test_the_coarser_series_is_interpolated_onto_the_finer_grid_and_both_are_combined(path):
    rng = np.random.default_rng(0)
    own, itslive = random_fields(rng, FINE), random_fields(rng, COARSE)
    write(path, "own", own, FINE)
    write(path, "itslive", itslive, COARSE)
    facts, made, shares = merge(path), read(path), read(path, "merged_series_shares")
    assert grid.of(made, "merged") == FINE and facts["grid"].startswith("9×11 pixels of 120×120 m") and facts["steps"] == 12
    for row, column in ((0, 0), (4, 5), (8, 10), (1, 2)):
        y, x = (row * 120 + 60 + 240) / 240, (column * 120 + 60 + 120) / 240  # cells of the coarse grid
        there = np.isfinite(itslive[0][0, int(y), int(x)])
        blank = np.where(np.isfinite(itslive[0]), 0.0, np.nan)
        other = [[slow_bilinear(field[k] + blank[k], y, x) if there else np.nan for k in range(12)] for field in itslive]
        both = np.array([[field[:, row, column] for field in own], other])  # (source, name, time)
        expected = combine(both[:, :2], both[:, 2:4], both[:, 4:])
        for number, name in enumerate(("vx", "vy")):
            np.testing.assert_allclose(made[name][:, row, column], expected.velocity[number], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(made[f"{name}_error"][:, row, column], expected.error[number], rtol=1e-4)
            np.testing.assert_allclose(made[f"{name}_observed"][:, row, column], expected.observed[number], atol=1e-5)
        np.testing.assert_allclose(made.chi[:, row, column], expected.chi, rtol=1e-3)
        np.testing.assert_allclose(shares.share[:, :, row, column], expected.share, atol=1e-4)
    assert shares.source.values.tolist() == ["own", "itslive"] and made.attrs["attribution"] == "own; itslive"
    assert facts["shares"]["own"] == pytest.approx(float(shares.share[0].mean()), rel=1e-5)
    assert facts["chi"] == pytest.approx(float(made.chi.median())) and facts["pixels"] == 99 and 0 <= facts["contradicted"] < 1


def test_vectors_of_another_zone_turn_to_the_axes_and_so_do_their_errors(path):
    corner = Transformer.from_crs("EPSG:32643", "EPSG:32644", always_xy=True).transform(454000, 4036500)
    other = GeoBox((20, 20), Affine(240, 0, corner[0], 0, -240, corner[1]), "EPSG:32644")
    write(path, "own", (0.0, 0.0, 1e6, 1e6, 0, 0), FINE)  # of no weight
    write(path, "itslive", (0.0, 100.0, 1.0, 5.0, 1, 1), other)
    merge(path)
    made = read(path).isel(time=0)
    x, y = (float(made[axis][4 if axis == "y" else 5]) for axis in ("x", "y"))
    to = Transformer.from_crs("EPSG:32643", "EPSG:32644", always_xy=True)
    east, north = np.subtract(to.transform(x + 50, y), to.transform(x - 50, y))
    angle = -np.arctan2(north, east)  # of the other zone's axes, seen from here
    assert abs(np.degrees(angle)) > 2
    np.testing.assert_allclose([made.vx[4, 5], made.vy[4, 5]], [-100 * np.sin(angle), 100 * np.cos(angle)], atol=0.05)
    expected = [np.hypot(np.cos(angle) * 1, np.sin(angle) * 5), np.hypot(np.sin(angle) * 1, np.cos(angle) * 5)]
    np.testing.assert_allclose([made.vx_error[4, 5], made.vy_error[4, 5]], expected, rtol=1e-3)


def test_steps_that_one_source_alone_has_are_its_own_and_known_when_it_was(path):
    write(path, "own", (20.0, 0.0, 2.0, 2.0, 1, 1), FINE, EDGES[:8], "2020-10-01")
    write(path, "itslive", (16.0, 0.0, 2.0, 2.0, 1, 1), FINE, EDGES[5:], "2021-03-01", looks_ahead=0)
    merge(path)
    made = read(path)
    np.testing.assert_allclose(made.vx[:, 3, 3], [20] * 5 + [18] * 2 + [16] * 5)
    np.testing.assert_allclose(made.vx_error[:, 3, 3], [2] * 5 + [2**0.5] * 2 + [2] * 5, rtol=1e-6)
    assert [str(t)[:10] for t in made.available_at.values] == ["2020-10-01"] * 5 + ["2021-03-01"] * 7
    assert made.attrs["looks_ahead"] == 1 and "made as own; made as itslive" in made.attrs["comment"]


def test_choosing_and_the_stated_grid(path):
    write(path, "own", (20.0, 0.0, 1.0, 1.0, 1, 1), FINE)
    write(path, "itslive", (10.0, 0.0, 2.0, 2.0, 0.5, 0.5), COARSE)
    facts = merge(path, settings=MergeConfig(how="choose", grid="itslive"))
    made = read(path)
    assert grid.of(made, "merged") == COARSE and facts["shares"] == {"own": 0.5, "itslive": 0.5}
    inside = np.zeros(COARSE.shape, bool)
    inside[1:5, :6] = True  # centres of coarse cells that the fine grid covers
    # 10 m/yr apart with an error of √5: chi = √(100/5/2), beyond 3 σ, so that the error of what is chosen grows by it
    np.testing.assert_allclose(made.vx[0].values[inside], 20)
    np.testing.assert_allclose(made.vx_error[0].values[inside], np.sqrt(10), rtol=1e-6)
    np.testing.assert_allclose(made.vx[0].values[~inside], 10)
    assert facts["contradicted"] == 1 and np.isnan(made.chi[0].values[~inside]).all()


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_ends_the_same(path, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    for source, native in (("own", FINE), ("itslive", COARSE)):
        write(path, source, random_fields(rng, native), native)
    whole = tmp_path / "other" / "cube.zarr"
    shutil.copytree(path, whole)
    shutil.copy(store.manifest_path(path), store.manifest_path(whole))
    once = merge(whole)
    monkeypatch.setattr(merging, "tile_edge", lambda steps: 6)
    made = []

    def dies(*args):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(1)
        return combine(*args)

    with monkeypatch.context() as patch:
        patch.setattr(merging, "combine", dies)
        with pytest.raises(KeyboardInterrupt):
            merge(path)
    with pytest.raises(InputError, match=r"is unfinished"):
        store.open_cube(path)
    again = merge(path)
    assert again.pop("resumed_at") == 2 and once.pop("resumed_at") == 0
    assert again.pop("shares") == pytest.approx(once.pop("shares")) and again == once
    for name in ("merged_series", "merged_series_shares"):
        xr.testing.assert_identical(read(path, name), read(whole, name))
    assert merge(path)["resumed_at"] == 4 and store.verify(path) > 0


def test_a_source_that_is_not_there_and_other_steps_are_refused_in_one_line(path):
    write(path, "own", (20.0, 0.0, 2.0, 2.0, 1, 1), FINE, pd.date_range("2020-01-01", periods=10, freq="16D"))
    with pytest.raises(InputError, match=r"unknown source of a series under /velocity 'itslive'"):
        merge(path)
    write(path, "itslive", (10.0, 0.0, 2.0, 2.0, 1, 1), FINE)
    expected = "2020-01-01 to 2020-01-17 in own_series, 2020-01-01 to 2020-02-01 in itslive_series; invert both with one cadence"
    with pytest.raises(InputError, match=rf"^merging: expected series of the same steps, found {expected}$"):
        merge(path)
    with pytest.raises(InputError, match=r"expected two sources or more, each once, found own, own"):
        merge(path, ("own", "own"))


def test_another_grid_and_other_settings_are_refused_and_what_was_there_stays(path):
    small = EDGES[:3]
    for source in ("mine", "itslive"):
        write(path, source, (10.0, 0.0, 2.0, 2.0, 1, 1), FINE, small)
    with pytest.raises(InputError, match=r"merging: unknown grid 'own'"):
        merge(path, ("mine", "itslive"), MergeConfig(grid="own"))
    merge(path, ("mine", "itslive"))
    with pytest.raises(InputError, match=r"/velocity/merged_series was begun from other input or settings"):
        merge(path, ("itslive", "mine"), MergeConfig(how="choose"))
    assert "merged_series" in store.open_cube(path)["velocity"].children  # and what was there stays
