"""Regions are written once, noted after their data, checked by hash and resumed."""

import json
import math

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox

from glaciercast import grid, schema, store
from glaciercast.errors import GlaciercastError, InputError

GEOBOX = GeoBox.from_bbox((500000, 4000000, 500120, 4000090), "EPSG:32643", resolution=30)
TIME = np.array(["2020-01-03", "2020-01-19", "2020-02-04"], "M8[ns]")


def coordinates() -> xr.Dataset:
    words = np.array(["a", "b", "c"], dtype=object)
    return xr.Dataset(
        {
            "scene_id": ("time", words), "sensor": ("time", words), "available_at": ("time", TIME + np.timedelta64(1, "D")),
            "shift_x": ("time", np.zeros(3, "float32")), "shift_y": ("time", np.zeros(3, "float32")),
        },
        coords={**grid.coordinates(GEOBOX), "time": TIME},
    )  # fmt: skip


VARIABLES = {"green": "float32", "swir16": "float32", "clear": "bool"}


def scene(step: int) -> dict[str, np.ndarray]:
    values = np.full(GEOBOX.shape, step / 10, "float32")
    values[0, 0] = np.nan
    return {"green": values, "swir16": values + 1, "clear": np.isfinite(values)}


def begin(path, fingerprint="f") -> store.RegionWriter:
    store.create(path, schema.root_attributes("made"))
    writer = store.RegionWriter(path, "/optical/made", fingerprint)
    writer.begin(coordinates(), VARIABLES)
    return writer


def test_what_is_written_is_read_back_with_place_time_and_units(tmp_path):
    path = tmp_path / "cube.zarr"
    writer = begin(path)
    for step in range(3):
        writer.write(step, scene(step))
    writer.end()
    import zarr

    assert zarr.open_group(path, path="optical/made")["green"].attrs["grid_mapping"] == "spatial_ref"
    dataset = store.open_cube(path)["optical/made"].to_dataset()
    assert grid.of(dataset, "cube") == GEOBOX
    assert list(dataset.time.values) == list(TIME)
    assert list(dataset.available_at.values) == list(TIME + np.timedelta64(1, "D"))
    assert list(dataset.scene_id.values) == ["a", "b", "c"]
    assert dataset.green.attrs["units"] == "1" and dataset.green.attrs["standard_name"] == "surface_bidirectional_reflectance"
    np.testing.assert_array_equal(dataset.swir16.values[2], scene(2)["swir16"])
    assert store.verify(path) == 9


def test_an_unfinished_cube_is_not_read_and_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "cube.zarr"
    begin(path).write(0, scene(0))
    with pytest.raises(InputError, match=r"/optical/made is unfinished"):
        store.open_cube(path)
    again = begin(path)
    assert set(again.done) == {0} and not again.complete
    np.testing.assert_array_equal(store.open_cube(path, ("/optical/made",))["optical/made/green"].values[0], scene(0)["green"])


def test_a_line_that_was_cut_short_is_dropped_and_its_date_written_again(tmp_path):
    path = tmp_path / "cube.zarr"
    writer = begin(path)
    writer.write(0, scene(0))
    manifest = store.manifest_path(path)
    manifest.write_bytes(manifest.read_bytes() + b'{"group": "/optical/made", "kind": "reg')
    again = begin(path)
    assert set(again.done) == {0}
    again.write(1, scene(1))
    assert [json.loads(line)["kind"] for line in manifest.read_text().splitlines()] == ["begin", "region", "region"]


def test_other_input_is_refused_and_harms_nothing(tmp_path):
    path = tmp_path / "cube.zarr"
    begin(path).write(0, scene(0))
    with pytest.raises(InputError, match="was begun from other input or settings"):
        begin(path, "other")
    assert store.verify(path) == 3


def test_a_changed_array_is_found_by_its_checksum(tmp_path):
    import zarr

    path = tmp_path / "cube.zarr"
    begin(path).write(0, scene(0))
    zarr.open_group(path, path="optical/made", mode="r+")["green"][0, 1, 1] = 9
    with pytest.raises(GlaciercastError, match=r"/optical/made/green: step 0 differs"):
        store.verify(path)


def test_the_fingerprint_follows_the_content(tmp_path):
    prints = []
    for name, first in (("a", 0), ("b", 0), ("c", 1)):
        writer = begin(tmp_path / f"{name}.zarr")
        writer.write(0, scene(first))
        prints.append(store.fingerprint(tmp_path / f"{name}.zarr", "/optical/made"))
    assert prints[0] == prints[1] != prints[2]


def test_a_cube_that_was_moved_without_its_manifest_is_refused(tmp_path):
    writer = begin(tmp_path / "cube.zarr")
    for step in range(3):
        writer.write(step, scene(step))
    writer.end()
    (tmp_path / "cube.zarr").rename(tmp_path / "moved.zarr")
    with pytest.raises(InputError, match=r"its manifest moved.zarr.manifest.jsonl is missing; copy it along"):
        store.open_cube(tmp_path / "moved.zarr")


def test_no_cube_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"expected a cube .* found none"):
        store.open_cube(tmp_path)


def test_a_group_that_was_laid_out_and_nothing_more_is_laid_out_again(tmp_path):
    path = tmp_path / "cube.zarr"
    begin(path)
    writer = begin(path)
    for step in range(3):
        writer.write(step, scene(step))
    writer.end()
    np.testing.assert_array_equal(store.open_cube(path)["optical/made/green"].values[1], scene(1)["green"])
    assert store.verify(path) == 9


PAIRS = 5
PLACE = GEOBOX[:3, :4]
TILES = [(slice(0, 2), slice(0, 3)), (slice(0, 2), slice(3, 4)), (slice(2, 3), slice(0, 3)), (slice(2, 3), slice(3, 4))]


def pair_coordinates() -> xr.Dataset:
    times = np.datetime64("2020-01-01", "ns") + np.arange(PAIRS) * np.timedelta64(1, "D")
    after = {"acquired_first": 0, "acquired_second": 8, "available_at": 38}
    return xr.Dataset(
        {name: ("pair", times + np.timedelta64(days, "D")) for name, days in after.items()},
        coords=grid.coordinates(PLACE),
    )


def begin_pairs(path) -> store.RegionWriter:
    store.create(path, schema.root_attributes("made"))
    writer = store.RegionWriter(path, "/velocity/made", "f")
    writer.begin(pair_coordinates(), dict.fromkeys(("vx", "vy", "v_error"), "float32"), chunks=(4, 2, 3))
    return writer


def velocities(rows: slice, columns: slice) -> dict[str, np.ndarray]:
    whole = np.arange(PAIRS * 12, dtype="float32").reshape(PAIRS, 3, 4)
    whole[0, 0, 0] = np.nan
    return {name: whole[:, rows, columns] + number for number, name in enumerate(("vx", "vy", "v_error"))}


def write_tile(writer: store.RegionWriter, step: int) -> None:
    writer.write(step, velocities(*TILES[step]), at=(slice(0, PAIRS), *TILES[step]), counts={"seen": step})


def test_regions_may_be_tiles_with_all_pairs_of_a_pixel(tmp_path):
    import zarr

    path = tmp_path / "cube.zarr"
    writer = begin_pairs(path)
    for step in range(4):
        write_tile(writer, step)
    writer.end()
    dataset = store.open_cube(path)["velocity/made"].to_dataset()
    assert dataset["vx"].dims == ("pair", "y", "x") and grid.of(dataset, "cube") == PLACE
    assert zarr.open_group(path, path="velocity/made", mode="r")["vx"].chunks == (4, 2, 3)
    np.testing.assert_array_equal(dataset["vy"], velocities(slice(None), slice(None))["vy"])
    assert list(dataset["available_at"].values - dataset["acquired_second"].values) == [np.timedelta64(30, "D")] * PAIRS
    assert store.verify(path) == 12
    entries = [entry for entry in store.read_manifest(path) if entry["kind"] == "region"]
    assert entries[1]["at"] == [[0, 5], [0, 2], [3, 4]] and entries[1]["counts"] == {"seen": 1}
    store.check_date(path, "/velocity/made", 3, velocities(*TILES[3]))
    with pytest.raises(GlaciercastError, match=r"/velocity/made/vx: step 3 differs"):
        store.check_date(path, "/velocity/made", 3, {"vx": velocities(*TILES[3])["vy"]})


def test_tiles_resume_and_a_changed_one_is_found(tmp_path):
    import zarr

    path = tmp_path / "cube.zarr"
    for step in (0, 1):
        write_tile(begin_pairs(path), step)
    writer = begin_pairs(path)
    assert set(writer.done) == {0, 1}
    for step in (2, 3):
        write_tile(writer, step)
    assert store.verify(path) == 12
    zarr.open_group(path, path="velocity/made", mode="r+")["vy"][2, 2, 1] = 0
    with pytest.raises(GlaciercastError, match=r"/velocity/made/vy: step 2 differs"):
        store.verify(path)


def test_a_region_of_another_shape_is_refused(tmp_path):
    writer = begin_pairs(tmp_path / "cube.zarr")
    with pytest.raises(GlaciercastError, match=r"/velocity/made/vx: expected a region of shape \(5, 2, 1\), found \(5, 2, 3\)"):
        writer.write(1, velocities(*TILES[0]), at=(slice(0, PAIRS), *TILES[1]))


LARGE = GeoBox.from_bbox((500000, 4000000, 515000, 4009000), "EPSG:32643", resolution=30)


def large_coordinates() -> xr.Dataset:
    return coordinates().drop_vars(["x", "y", "spatial_ref"]).assign_coords(grid.coordinates(LARGE))


def test_a_date_is_one_file_an_array_with_chunks_of_256_pixels_inside(tmp_path):
    import zarr

    path = tmp_path / "cube.zarr"
    store.create(path, schema.root_attributes("made"))
    writer = store.RegionWriter(path, "/optical/made", "f")
    writer.begin(large_coordinates(), VARIABLES)
    values = np.arange(math.prod(LARGE.shape), dtype="float32").reshape(LARGE.shape)
    for step in range(3):
        writer.write(step, {"green": values + step, "swir16": -values, "clear": values % 2 == 0})
    writer.end()
    assert len(list((path / "optical/made/green/c").rglob("*"))) == 3 * 3  # c/<date>/0/0
    array = zarr.open_group(path, path="optical/made", mode="r")["green"]
    assert array.shards == (1, 512, 512) and array.chunks == (1, 256, 256)
    green = store.open_cube(path)["optical/made/green"]
    assert green.data.chunksize == (1, 256, 256)
    np.testing.assert_array_equal(green[1, 240:270, 250:260], values[240:270, 250:260] + 1)
    assert store.verify(path) == 9


def test_a_cube_of_before_shards_is_read_and_gone_on_with(tmp_path):
    path = tmp_path / "cube.zarr"
    store.create(path, schema.root_attributes("made"))
    writer = store.RegionWriter(path, "/optical/made", "f")
    writer.begin(coordinates(), VARIABLES, chunks=store.chunks_for((3, *GEOBOX.shape)))
    writer.write(0, scene(0))
    again = begin(path)
    for step in (1, 2):
        again.write(step, scene(step))
    again.end()
    np.testing.assert_array_equal(store.open_cube(path)["optical/made/green"].values, [scene(step)["green"] for step in range(3)])
    assert store.verify(path) == 9


@pytest.mark.parametrize(
    ("shape", "chunks", "shards"),
    [
        ((9, 800, 801), (1, 256, 256), (1, 1024, 1024)),
        ((9, 256, 10), (1, 256, 10), (1, 256, 10)),
        ((1, 257, 40), (1, 256, 40), (1, 512, 40)),
    ],
)
def test_shards_hold_a_date_and_whole_chunks(shape, chunks, shards):
    assert store.shards_for(shape) == (chunks, shards)


def two_groups(path) -> None:
    """Write a cube of an optical and a velocity product, both finished."""
    writer = begin(path)
    for step in range(3):
        writer.write(step, scene(step))
    writer.end()
    pairs = begin_pairs(path)
    for step in range(4):
        write_tile(pairs, step)
    pairs.end()


def test_a_dropped_group_leaves_no_trace_and_the_rest_as_it_was(tmp_path):
    path = tmp_path / "cube.zarr"
    two_groups(path)
    before = [entry for entry in store.read_manifest(path) if entry["group"] == "/optical/made"]
    store.drop_group(path, "/velocity/made")
    assert store.read_manifest(path) == before and not (path / "velocity/made").exists()
    cube = store.open_cube(path)
    assert "velocity/made" not in cube
    np.testing.assert_array_equal(cube["optical/made/green"].values[2], scene(2)["green"])
    assert store.verify(path) == 9
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cube.zarr", "cube.zarr.manifest.jsonl"]


def test_a_drop_that_was_killed_is_told_and_a_second_one_ends_it(tmp_path, monkeypatch):
    path = tmp_path / "cube.zarr"
    two_groups(path)

    def killed(folder) -> None:
        (folder / "vx/zarr.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store.shutil, "rmtree", killed)
        store.drop_group(path, "/velocity/made")
    with pytest.raises(InputError, match=r"/velocity/made is unfinished"):
        store.open_cube(path)
    store.drop_group(path, "/velocity/made")
    assert {entry["group"] for entry in store.read_manifest(path)} == {"/optical/made"}
    assert "velocity/made" not in store.open_cube(path) and store.verify(path) == 9


def test_a_group_is_written_anew_after_a_drop_that_was_killed_once_its_files_were_gone(tmp_path, monkeypatch):
    path = tmp_path / "cube.zarr"
    two_groups(path)
    rewrite, written = store._rewrite_manifest, []

    def once(path, entries) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(entries)
        rewrite(path, entries)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "_rewrite_manifest", once)
        store.drop_group(path, "/velocity/made")
    assert not (path / "velocity/made").exists()
    writer = begin_pairs(path)
    assert not writer.done
    for step in range(4):
        write_tile(writer, step)
    writer.end()
    np.testing.assert_array_equal(store.open_cube(path)["velocity/made/vy"], velocities(slice(None), slice(None))["vy"])
    assert store.verify(path) == 9 + 12
