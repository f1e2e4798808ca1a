"""Scenes wait outside of the cube, packed as it will hold them, and move there unread."""

import json

import numpy as np
import pytest
import zarr
from tests import test_store

from glaciercast import store
from glaciercast.cube.staging import Staging

NUMBERS = {0: 4, 1: 2, 2: 0}
"""Date in the cube → number in the staging."""


@pytest.fixture
def staging(tmp_path):
    made = Staging(tmp_path / "staging-made-0", (5, *test_store.GEOBOX.shape), test_store.VARIABLES)
    made.lay_out()
    return made


def facts(step):
    return {"scene_id": "abc"[step], "clear_fraction": 0.5}


def test_a_cube_of_moved_scenes_equals_one_that_was_written(staging, tmp_path):
    straight, moved = test_store.begin(tmp_path / "straight.zarr"), test_store.begin(tmp_path / "moved.zarr")
    for step, number in NUMBERS.items():
        straight.write(step, test_store.scene(step), **facts(step))
        staging.put(number, test_store.scene(step), facts(step))
    for step, number in NUMBERS.items():
        assert staging.holds(number)
        staging.move(number, moved, step)
        assert not staging.holds(number)
    for writer in (straight, moved):
        writer.end()
    assert store.manifest_path(moved.path).read_text() == store.manifest_path(straight.path).read_text()
    assert store.verify(moved.path) == 9
    wanted, found = (store.open_cube(writer.path)["optical/made"].load() for writer in (straight, moved))
    assert found.identical(wanted)
    files = [{path.relative_to(writer.path): path.read_bytes() for path in writer.path.rglob("c/*/0/0")} for writer in (straight, moved)]
    assert files[0] == files[1] and len(files[0]) == 9


def test_the_layout_is_that_of_the_cube(staging, tmp_path):
    path = test_store.begin(tmp_path / "cube.zarr").path
    for name in test_store.VARIABLES:
        wanted, found = (json.loads((folder / name / "zarr.json").read_text()) for folder in (path / "optical/made", staging.folder))
        for key in ("data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs"):
            assert found[key] == wanted[key], (name, key)


def test_a_date_of_nothing_but_missing_values_moves_without_a_file(staging, tmp_path):
    empty = {
        name: np.zeros(values.shape, bool) if name == "clear" else np.full_like(values, np.nan)
        for name, values in test_store.scene(0).items()
    }
    staging.put(3, empty, facts(0))
    assert staging.holds(3) and not list(staging.folder.rglob("c/3/0/0"))
    writer = test_store.begin(tmp_path / "cube.zarr")
    writer.write(1, test_store.scene(1))  # what a run that was killed left at the same place
    staging.move(3, writer, 1)
    writer.done.clear()
    assert np.isnan(np.asarray(zarr.open_group(writer.path, path="optical/made", mode="r")["green"][1])).all()


def test_what_a_kill_left_in_part_is_not_held(staging):
    staging.put(2, test_store.scene(1), facts(1))
    np.testing.assert_array_equal(staging.arrays(2)["swir16"], test_store.scene(1)["swir16"])
    assert staging.facts(2) == facts(1)
    store.shard_file(staging.folder, "green", 2).unlink()
    assert not staging.holds(2) and not staging.holds(1)


def test_laying_out_again_keeps_what_waits_unless_it_was_cut_short(staging):
    staging.put(2, test_store.scene(1), facts(1))
    staging.lay_out()
    assert staging.holds(2)
    (staging.folder / "ready").unlink()
    staging.lay_out()
    assert not staging.holds(2)


def test_clearing_takes_what_waited_under_other_rules_along(staging, tmp_path):
    other = Staging(tmp_path / "staging-made-1", staging.shape, staging.variables)
    kept = Staging(tmp_path / "staging-another-1", staging.shape, staging.variables)
    for one in (other, kept):
        one.lay_out()
    staging.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["staging-another-1"]
