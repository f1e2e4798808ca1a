"""/velocity/itslive: order, availability, rules that are counted, regions that resume, and the truth of a simulated glacier."""

import json

import numpy as np
import pandas as pd
import pystac
import pytest
import xarray as xr
import zarr
from affine import Affine
from odc.geo.geobox import GeoBox
from tests.itslive_cubes import GRID, table, write
from tests.sources.faults import Faults
from tests.sources.servers import serve

from glaciercast import grid, store
from glaciercast.cube import velocity
from glaciercast.cube.velocity import build_velocity
from glaciercast.errors import InputError, SourceError
from glaciercast.sources import itslive_quality as quality
from glaciercast.sources.access import Reader
from glaciercast.sources.http import Client, FetchPolicy
from glaciercast.sources.itslive import ItsliveConfig
from glaciercast.sources.itslive_quality import QualityRules

RAW = ItsliveConfig(quality=QualityRules(stable_ground=False, registration_error=False, saturation=False, outliers=False))


@pytest.fixture
def reader():
    with Reader(Client(FetchPolicy(tries=6, backoff=0.001, longest_wait=0.01)), connections=4) as made:
        yield made


def made_pairs(number: int = 60, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = rng.choice([5.0, 16.0, 32.0, 96.0], number)
    first = pd.Timestamp("2019-01-01T05:35:10") + pd.to_timedelta(rng.permutation(number) * 7, unit="D")
    return table([str(time) for time in first], list(days), "8", stable_x=0.0, stable_y=0.0, flag=1)


def fields(pairs: pd.DataFrame, speed: float = 100.0, noise: float = 8.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (len(pairs), *GRID.shape)
    vx, vy = (part * speed + rng.normal(0, noise, shape) for part in (0.6, -0.8))
    gaps = rng.random(shape) < 0.1
    vx[gaps] = vy[gaps] = np.nan
    return np.rint(vx), np.rint(vy)


def read(path) -> xr.Dataset:
    return store.open_cube(path)["velocity/itslive"].to_dataset().load()


def test_what_is_written_is_sorted_dated_placed_and_checked(tmp_path, reader):
    pairs = made_pairs()
    vx, vy = fields(pairs)
    facts = build_velocity([write(tmp_path, pairs, vx, vy)], RAW, GRID, reader, tmp_path / "cube.zarr")
    found, order = read(tmp_path / "cube.zarr"), np.lexsort((pairs["first"], pairs["second"]))
    np.testing.assert_array_equal(found["vx"], vx[order].astype("float32"))
    np.testing.assert_array_equal(found["vy"], vy[order].astype("float32"))
    assert set(np.unique(found["v_error"].values[np.isfinite(found["vx"])])) == {10}
    np.testing.assert_array_equal(found["acquired_second"], pairs["second"].to_numpy()[order])
    np.testing.assert_array_equal(found["acquired_first"], pairs["first"].to_numpy()[order])
    np.testing.assert_array_equal(found["available_at"], found["acquired_second"] + np.timedelta64(30, "D"))  # never the middle
    assert grid.of(found, "cube") == GRID and found["vx"].attrs["units"] == "m year-1"
    assert found.sizes["pair"] == facts["pairs"] == 60 and facts["observations"] == np.isfinite(vx).sum() and not facts["left_out"]
    assert "10.5067/IMR9D3PEI28U" in found.attrs["attribution"] and store.verify(tmp_path / "cube.zarr") == 3


def test_the_latency_moves_the_availability(tmp_path, reader):
    pairs = made_pairs(5)
    build_velocity(
        [write(tmp_path, pairs, *fields(pairs))], RAW.model_copy(update={"latency": "45D"}), GRID, reader, tmp_path / "cube.zarr"
    )
    found = read(tmp_path / "cube.zarr")
    np.testing.assert_array_equal(found["available_at"] - found["acquired_second"], np.full(5, np.timedelta64(45, "D")))


def test_pairs_without_a_valid_pixel_in_the_box_or_with_too_few_are_left_out(tmp_path, reader):
    pairs = made_pairs(6)
    vx, vy = fields(pairs)
    for values in (vx, vy):
        values[2] = np.nan
        values[3, :, :30] = np.nan  # a quarter of the box is left
        values[4, 20:] = np.nan  # outside of the small box below
    made = write(tmp_path, pairs, vx, vy)
    facts = build_velocity([made], RAW, GRID, reader, tmp_path / "cube.zarr")
    assert facts["pairs"] == 5 and facts["found"] == 6 and facts["left_out"] == {"coverage": 1}
    few = build_velocity([made], RAW.model_copy(update={"min_valid_in_box": 0.5}), GRID, reader, tmp_path / "few.zarr")
    assert few["left_out"] == {"coverage": 2}
    low = GRID[20:, :]
    assert build_velocity([made], RAW, low, reader, tmp_path / "low.zarr")["left_out"] == {"coverage": 2}
    with pytest.raises(InputError, match=r"cube: none of its image pairs counts in the box \(6 for their coverage\)"):
        build_velocity([made], RAW.model_copy(update={"min_valid_in_box": 0.99}), GRID, reader, tmp_path / "none.zarr")


def test_rules_drop_count_and_restore_by_value(tmp_path, reader):
    pairs = made_pairs(80)
    pairs.loc[3, ["stable_x", "flag"]] = [1e4, 1]  # condemned
    pairs.loc[5, ["stable_x", "stable_y", "flag"]] = [5000.0, -2000.0, 2]  # given back
    vx, vy = fields(pairs)
    vx[5], vy[5] = vx[5] - 5000, vy[5] + 2000
    vx[40, 10, 10], vy[40, 10, 10] = 2000, 100  # a wrong match
    vx[50, 12, 12] = np.nan  # half a vector
    facts = build_velocity([write(tmp_path, pairs, vx, vy)], ItsliveConfig(), GRID, reader, tmp_path / "cube.zarr")
    assert facts["left_out"] == {"stable ground": 1} and facts["restored"] == 1
    assert facts["dropped"]["half a vector"] == 1 and facts["dropped"]["saturation"] == 0
    assert facts["observations"] + sum(facts["dropped"].values()) == np.isfinite(vy[np.arange(80) != 3]).sum()
    found = read(tmp_path / "cube.zarr")
    at = {number: int(np.flatnonzero(found["acquired_second"] == pairs["second"][number])[0]) for number in (5, 40, 50)}
    given_back = np.isfinite(found["vx"].values[at[5]])
    np.testing.assert_array_equal(found["vx"].values[at[5]][given_back], vx[5][given_back] + 5000)
    np.testing.assert_array_equal(found["vy"].values[at[5]][given_back], vy[5][given_back] - 2000)
    assert found["v_error"].values[at[5]][given_back][0] == pytest.approx(np.hypot(10, 100))
    assert np.nanmax(found["v_error"].values[at[40]]) == pytest.approx(np.hypot(10, 5))
    for name in ("vx", "vy", "v_error"):
        assert np.isnan(found[name].values[at[40], 10, 10]) and np.isnan(found[name].values[at[50], 12, 12])
    assert facts["dropped"]["outlier"] < 0.03 * facts["observations"]


def test_each_rule_can_be_switched_off(tmp_path, reader):
    pairs = made_pairs(80)
    pairs.loc[3, ["stable_x", "flag"]] = [1e4, 1]
    vx, vy = fields(pairs)
    vx[40, 10, 10] = 2000
    made = write(tmp_path, pairs, vx, vy)
    for number, (key, left_out, outlier) in enumerate(
        [("stable_ground", {}, True), ("outliers", {"stable ground": 1}, False), ("saturation", {"stable ground": 1}, True)]
    ):
        settings = ItsliveConfig(quality=QualityRules(**{key: False}))
        facts = build_velocity([made], settings, GRID, reader, tmp_path / f"{number}.zarr")
        assert facts["left_out"] == left_out and bool(facts["dropped"].get("outlier")) == outlier


def test_a_pixels_series_lies_in_few_chunks_and_tiles_bound_memory(tmp_path, reader):
    pairs = made_pairs()
    build_velocity([write(tmp_path, pairs, *fields(pairs))], RAW, GRID, reader, tmp_path / "cube.zarr")
    assert zarr.open_group(tmp_path / "cube.zarr", path="velocity/itslive", mode="r")["vx"].chunks == (60, 30, 40)
    assert [velocity.tile_edge(number) for number in (800, 10000, 20000, 40000, 90000)] == [40, 40, 20, 20, 10]
    assert all(number * velocity.tile_edge(number) ** 2 * 4 <= velocity.TILE_BYTES for number in (1, 10000, 40000, 100000))
    covered = np.zeros((45, 33), int)
    for rows, columns in velocity.tiles(covered.shape, 20):
        covered[rows, columns] += 1
    assert (covered == 1).all()


def interrupted(monkeypatch, after: int) -> None:
    """Let the writer die after some regions, as a kill would."""
    written, write_region = [], store.RegionWriter.write

    def dies(self, step, *args, **more):
        if len(written) == after:
            raise KeyboardInterrupt
        written.append(step)
        write_region(self, step, *args, **more)

    monkeypatch.setattr(store.RegionWriter, "write", dies)


def test_a_build_that_was_interrupted_goes_on_and_ends_the_same(tmp_path, reader, monkeypatch):
    monkeypatch.setattr(velocity, "EDGES", (10,))
    pairs = made_pairs()
    made = write(tmp_path, pairs, *fields(pairs))
    whole = build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "whole.zarr", cache=tmp_path / "cache")
    with monkeypatch.context() as patch:
        interrupted(patch, after=5)
        with pytest.raises(KeyboardInterrupt):
            build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "cube.zarr", cache=tmp_path / "cache")
    with pytest.raises(InputError, match=r"/velocity/itslive is unfinished"):
        store.open_cube(tmp_path / "cube.zarr")
    again = build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "cube.zarr", cache=tmp_path / "cache")
    assert again["resumed_at"] == 5 and whole["resumed_at"] == 0
    assert {key: again[key] for key in ("observations", "dropped", "left_out", "pairs")} == {
        key: whole[key] for key in ("observations", "dropped", "left_out", "pairs")
    }
    xr.testing.assert_identical(read(tmp_path / "cube.zarr"), read(tmp_path / "whole.zarr"))
    assert store.verify(tmp_path / "cube.zarr") == 12 * 3
    assert store.fingerprint(tmp_path / "cube.zarr", velocity.GROUP) == store.fingerprint(tmp_path / "whole.zarr", velocity.GROUP)


def test_other_pairs_or_rules_are_other_input(tmp_path, reader):
    pairs = made_pairs()
    made = write(tmp_path, pairs, *fields(pairs))
    build_velocity([made], RAW, GRID, reader, tmp_path / "cube.zarr")
    with pytest.raises(InputError, match=r"/velocity/itslive was begun from other input or settings"):
        build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "cube.zarr")


def test_through_faults_the_arrays_are_those_of_a_quiet_network(tmp_path, reader):
    pairs = made_pairs()
    made = write(tmp_path, pairs, *fields(pairs))
    build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "quiet.zarr")
    with serve(tmp_path) as server:
        made.assets["zarr"] = pystac.Asset(server.url_of(tmp_path / "cube" / "cube.zarr"))
        server.faults = Faults(rate=0.2, seed=1, kinds=("429", "503", "reset", "truncated"), retry_after=0)
        build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "faults.zarr", cache=tmp_path / "cache")
        server.faults = Faults(broken=lambda path: path.endswith("vy/0.1.2"), broken_how="503")
        with pytest.raises(SourceError, match=r"vy/0\.1\.2"):
            build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "broken.zarr")
        server.reset()
        facts = build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "broken.zarr")
    for name in ("faults", "broken"):
        assert store.fingerprint(tmp_path / f"{name}.zarr", velocity.GROUP) == store.fingerprint(tmp_path / "quiet.zarr", velocity.GROUP)
    assert facts["facts"][0]["href"].startswith("http") and "accessed" in facts["facts"][0]


def test_the_manifest_says_what_was_read_and_what_was_dropped(tmp_path, reader):
    pairs = made_pairs()
    made = write(tmp_path, pairs, *fields(pairs))
    facts = build_velocity([made], ItsliveConfig(), GRID, reader, tmp_path / "cube.zarr")
    entries = [json.loads(line) for line in store.manifest_path(tmp_path / "cube.zarr").read_text().splitlines()]
    region = next(entry for entry in entries if entry["kind"] == "region")
    assert region["at"] == [[0, 60], [0, 30], [0, 40]] and set(region["xxh128"]) == {"vx", "vy", "v_error"}
    assert region["counts"] == {"observations": facts["observations"], **facts["dropped"]}
    assert region["items"][0]["item"] == "cube" and region["items"][0]["asset"] == "zarr"


def test_the_velocity_of_a_simulated_glacier_comes_back(archive, reader, tmp_path):
    (path,) = (archive / "archive" / "itslive-cubes").glob("*/*.json")
    made = pystac.Item.from_file(str(path))
    lattice = GeoBox(made.properties["proj:shape"], Affine(*made.properties["proj:transform"][:6]), "EPSG:32643")
    facts = build_velocity([made], ItsliveConfig(), lattice, reader, tmp_path / "cube.zarr", root=str(archive / "archive"))
    found = read(tmp_path / "cube.zarr")
    assert facts["found"] == 60 and facts["pairs"] == found.sizes["pair"]
    true_x, true_y = truth(archive / "truth", found, lattice)
    mean_x, mean_y, _ = quality.mean_velocity(found["vx"].values, found["vy"].values, found["v_error"].values)
    weight = np.where(np.isfinite(found["vx"]), 1 / found["v_error"].fillna(1e9) ** 2, 0)
    for mean, true in ((mean_x, true_x), (mean_y, true_y)):
        expected = (weight * true).sum(axis=0) / weight.sum(axis=0)
        seen = np.isfinite(mean)
        assert seen.mean() > 0.9
        off = (mean - expected)[seen]
        assert np.sqrt(np.mean(off**2)) < 4 and abs(np.median(off)) < 2  # m/yr, where single pairs are off by tens


def truth(folder, found: xr.Dataset, lattice: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return the true mean velocity of each pair, (pair, y, x), m/yr: the world's fields, averaged over pixels and baselines."""
    with xr.open_dataset(folder / "world.nc", engine="h5netcdf") as world, xr.open_dataset(folder / "daily.nc", engine="h5netcdf") as daily:
        world, daily = world.load(), daily.load()
    first, second = found["acquired_first"].values, found["acquired_second"].values
    y, x = lattice.coordinates["y"].values, lattice.coordinates["x"].values
    factors = {
        name: np.array([float(daily[f"{name}_factor"].sel(time=slice(a, b)).mean()) for a, b in zip(first, second, strict=True)])
        for name in ("sliding", "surge")
    }
    return tuple(
        pixel_means(world[f"creep_{axis}"], y, x)
        + sum(factors[name][:, None, None] * pixel_means(world[f"{name}_{axis}"], y, x) for name in factors)
        for axis in ("vx", "vy")
    )


def pixel_means(field: xr.DataArray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the means over 120 m pixels of a field of 30 m."""
    part = field.sel(y=slice(y[0] + 60, y[-1] - 60), x=slice(x[0] - 60, x[-1] + 60)).values
    return part.reshape(len(y), 4, len(x), 4).mean(axis=(1, 3))
