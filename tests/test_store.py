"""Regions are written once, noted after their data, checked by hash and resumed."""

import json

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
