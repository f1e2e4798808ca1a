"""What a user may hand to the harmonised cube by mistake is refused or told in one line, and leaves nothing behind that misleads."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
import zarr
from tests.workflow.building import refused
from typer.testing import CliRunner

from glaciercast import progress, schema, store
from glaciercast.align.series import align
from glaciercast.align.settings import AlignConfig
from glaciercast.cube.build import build_optical
from glaciercast.errors import GlaciercastError, InputError, SchemaError
from glaciercast.patches import series
from glaciercast.sources import recipe


@pytest.fixture
def cube(scenes, tmp_path):
    """Return a cube of three months, not aligned yet."""
    scenes.add_months(3)
    build_optical(recipe.read(scenes.save()), tmp_path / "cube.zarr")
    return tmp_path / "cube.zarr"


def command(*arguments):
    """Run ``glaciercast`` in this process."""
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})
    progress.show(False)
    result.returncode, result.error = result.exit_code, result.stderr.strip().splitlines()[-1]
    return result


def attribute(path, group, **changes):
    """Change attributes of a group of a cube on disk; None removes one."""
    file = path / group / "zarr.json"
    content = json.loads(file.read_text())
    content["attributes"] = {key: value for key, value in {**content["attributes"], **changes}.items() if value is not None}
    file.write_text(json.dumps(content))


def interrupted(monkeypatch, step, path, settings):
    """Stop an alignment before it writes `step`."""
    write = store.RegionWriter.write

    def stops(self, number, *arguments, **facts):
        if number == step:
            raise KeyboardInterrupt
        write(self, number, *arguments, **facts)

    monkeypatch.setattr(store.RegionWriter, "write", stops)
    with pytest.raises(KeyboardInterrupt):
        align(path, settings)
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cadence", "fortnight"], "cadence 'fortnight': not a pandas frequency"),
        (["--cadence", "12h"], "cadence '12h': expected a step forward in time, a day or more"),
        (["--cadence", "-16D"], "cadence '-16D': expected a step forward in time"),
        (["--cadence", "1000YS"], "cadence '1000YS': its steps are too long"),
        (["--length", "0"], "key 'length': Input should be greater than or equal to 1, found 0"),
        (["--length", "-3"], "found -3"),
        (["--composite", "modus"], "'mean', 'median' or 'medoid', found 'modus'"),
        (["--set", "cadance=MS"], "unknown key 'cadance' (did you mean 'cadence'?)"),
        (["--set", "sides=future"], "key 'sides'"),
        (["--set", "kinds=[velocity]"], "expected 'optical' among them"),
        (["--product", "raster"], "unknown product 'raster' (did you mean 'rasters'?)"),
        (["--set", "velocity.source=itslive"], "/velocity: expected itslive, found none"),
        (["--set", "temperature.product=mod11a2"], "/temperature: expected mod11a2, found none"),
    ],
)
def test_options_that_cannot_be_leave_the_cube_as_it_was(cube, options, words):
    refused(command("align", cube, *options), 2, words)
    assert not (cube / "aligned").exists() and {entry["group"] for entry in store.read_manifest(cube)} == {"/optical/rasters"}


def test_a_key_given_by_set_holds_where_its_option_is_absent(cube):
    assert command("align", cube, "--set", "cadence=QS", "--set", "fill=false").exit_code == 0
    assert store.open_cube(cube)["aligned"].attrs["cadence"] == "QS"
    assert command("align", cube, "--set", "cadence=QS", "--cadence", "MS", "--set", "sides=two_sided", "--replace").exit_code == 0
    found = store.open_cube(cube)["aligned"].attrs
    assert (found["cadence"], found["looks_ahead"]) == ("MS", 1)


def test_a_scene_of_another_zone_needs_a_grid(scenes, tmp_path):
    scenes.add("20200105")
    scenes.add("20200205", crs="EPSG:32644")
    refused(
        command("build", scenes.save(), "--out", tmp_path / "run"), 2, "scene_20200205.tif", "in EPSG:32644", "give 'grid' in the recipe"
    )


def test_a_rotated_raster_is_refused(scenes, tmp_path):
    path = scenes.add("20200105")
    with rasterio.open(path, "r+") as file:
        file.transform = file.transform * rasterio.Affine.rotation(3)
    refused(command("build", scenes.save(), "--out", tmp_path / "run"), 2, "scene_20200105.tif: is rotated; expected a north-up raster")


def test_two_scenes_of_one_second_are_told_and_count_alike(scenes, tmp_path, capsys):
    for folder, value in (("one", 0.2), ("two", 0.4)):
        (scenes.folder / folder).mkdir()
        scenes.add("20200105", value).rename(scenes.folder / folder / "scene_20200105.tif")
    progress.show(True)
    build_optical(recipe.read(scenes.save(files="*/scene_{date:%Y%m%d}.tif")), tmp_path / "cube.zarr")
    progress.show(False)
    assert "1 of 2 scenes has the time of another (2020-01-05 00:00:00)" in " ".join(capsys.readouterr().err.split())
    align(tmp_path / "cube.zarr", AlignConfig())
    made = store.open_cube(tmp_path / "cube.zarr")["aligned"].to_dataset()
    np.testing.assert_allclose(made.ndsi.values, 0.3, atol=1e-4)
    assert (made.clear_count.values == 2).all()


def test_unsorted_times_in_a_cube(cube):
    times = zarr.open_group(cube, path="optical/rasters", mode="r+")["time"]
    times[:] = times[:][::-1]
    refused(command("align", cube), 2, "/optical/rasters/time: expected times in order, found them unsorted")


@pytest.mark.parametrize("how", ["mean", "median", "medoid"])
@pytest.mark.parametrize("sides", ["past", "two_sided"])
def test_months_that_nothing_saw_are_missing_or_filled_and_say_so(scenes, tmp_path, how, sides):
    cloudy = np.zeros(scenes.shape, "uint16")
    for date, mask in (("20200105", cloudy), ("20200205", 1), ("20200305", cloudy), ("20200405", 1), ("20200505", cloudy)):
        scenes.add(date, 0.2, mask)
    path = tmp_path / "cube.zarr"
    build_optical(recipe.read(scenes.save()), path)
    assert align(path, AlignConfig(composite=how, sides=sides, weights="clear"))["steps_with_data"] == 2
    made = store.open_cube(path)["aligned"].to_dataset()
    assert np.isnan(made.ndsi.values[0]).all() and (made.ndsi_observed.values == np.array([0, 1, 0, 1, 0])[:, None, None]).all()
    np.testing.assert_allclose(made.ndsi.values[1:4], 0.2, atol=1e-4)
    assert np.isnan(made.ndsi.values[4]).all() == (sides == "two_sided")


@pytest.mark.parametrize(
    ("version", "words"),
    [(0, "found 0; build it anew"), (99, "install a newer glaciercast"), (None, "not a cube of glaciercast"), ("1", "anew")],
)
def test_a_cube_of_another_version(cube, version, words):
    attribute(cube, "", glaciercast_schema=version)
    refused(command("align", cube), 2, "expected schema version 1", words)


def test_an_unfinished_product(cube):
    lines = store.manifest_path(cube).read_text().splitlines(keepends=True)
    store.manifest_path(cube).write_text("".join(lines[:-1]))
    refused(command("align", cube), 2, "/optical/rasters is unfinished; run the command that made it again")


@pytest.mark.parametrize("kept", [0, 10, 0.5, -1])
def test_a_truncated_chunk(cube, kept):
    chunk = store.shard_file(cube / "optical" / "rasters", "swir16", 1)
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    refused(command("align", cube), 1, "/optical/rasters/swir16: step 1", "build it anew")
    with pytest.raises(GlaciercastError, match=r"/optical/rasters/swir16: step 1 "):
        store.verify(cube)
    chunk.write_bytes(whole)
    assert command("align", cube).exit_code == 0  # goes on from the steps that it had


@pytest.mark.parametrize("settings", [{"sides": "two_sided"}, {"fill": False}, {"length": 3, "composite": "median"}])
def test_stopped_anywhere_it_goes_on_to_the_same_values(cube, tmp_path, monkeypatch, settings):
    (tmp_path / "other").mkdir()
    other = shutil.copytree(cube, tmp_path / "other" / "cube.zarr")
    shutil.copy(store.manifest_path(cube), tmp_path / "other")
    align(cube, AlignConfig(**settings))
    interrupted(monkeypatch, 1, other, AlignConfig(**settings))
    refused(command("benchmark", other, "--out", tmp_path / "bench"), 2, "/aligned is unfinished; run the command that made it again")
    align(other, AlignConfig(**settings))
    assert store.fingerprint(cube, "/aligned") == store.fingerprint(other, "/aligned")


@pytest.mark.parametrize("replace", [False, True])
def test_a_group_that_a_kill_left_laid_out_by_half_is_laid_out_again(cube, monkeypatch, replace):
    interrupted(monkeypatch, 0, cube, AlignConfig())
    shutil.rmtree(cube / "aligned" / "season_cos")
    assert align(cube, AlignConfig(), replace=replace)["steps"] == 3
    assert store.open_cube(cube)["aligned"].season_cos.size == 3


def test_a_replacement_that_was_killed_counts_as_unfinished(cube, tmp_path, monkeypatch):
    align(cube, AlignConfig())

    def stops(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", stops)
    with pytest.raises(KeyboardInterrupt):
        align(cube, AlignConfig(cadence="QS"), replace=True)
    monkeypatch.undo()
    with pytest.raises(InputError, match="/aligned is unfinished"):
        series.load(cube, tmp_path / "cache")
    assert align(cube, AlignConfig(cadence="QS"))["steps"] == 1 and store.verify(cube) == 3 * 3 + 3


def test_aligning_twice_names_everyone_once(scenes, tmp_path):
    path = tmp_path / "cube.zarr"
    for product, credit in (("landsat", "USGS"), ("sentinel2", "Copernicus")):
        scenes.add("20200105")
        build_optical(recipe.read(scenes.save(product=product, attribution=credit)), path)
    for cadence in ("MS", "QS", "YS"):
        align(path, AlignConfig(cadence=cadence), replace=True)
    assert store.open_cube(path)["aligned"].attrs["attribution"] == "USGS; Copernicus"


def test_a_series_of_an_older_glaciercast_is_read_and_replaced(cube, tmp_path):
    align(cube, AlignConfig())
    shutil.rmtree(cube / "aligned" / "clear_count")
    attribute(cube, "aligned", looks_ahead=None)
    lines = [json.loads(line) for line in store.manifest_path(cube).read_text().splitlines()]
    for entry in lines:
        if entry["group"] == "/aligned" and entry["kind"] == "region":
            del entry["xxh128"]["clear_count"]
        if entry["group"] == "/aligned" and entry["kind"] == "begin":
            entry["fingerprint"] = "of another version"
    store.manifest_path(cube).write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    loaded = series.load(cube, tmp_path / "cache")
    assert (loaded.n_steps, loaded.composite_length, loaded.period) == (3, 1, 12)
    with pytest.raises(InputError, match=r"/aligned was begun from other input or settings"):
        align(cube, AlignConfig())
    assert align(cube, AlignConfig(), replace=True)["steps"] == 3


def test_a_series_that_does_not_tell_its_calendar_says_what_to_do(cube, tmp_path):
    align(cube, AlignConfig())
    attribute(cube, "aligned", composite_length=None)
    with pytest.raises(SchemaError, match=r"/aligned: expected the attribute 'composite_length', found none; run 'glaciercast align"):
        series.load(cube, tmp_path / "cache")


@pytest.mark.parametrize("cadence", ["MS", "QS", "YS", "7D"])
def test_the_length_of_the_year_does_not_depend_on_that_of_the_series(scenes, tmp_path, cadence):
    scenes.add("20200229")
    build_optical(recipe.read(scenes.save()), tmp_path / "cube.zarr")
    align(tmp_path / "cube.zarr", AlignConfig(cadence=cadence))
    made = store.open_cube(tmp_path / "cube.zarr")["aligned"]
    assert (made.sizes["time"], made.attrs["steps_per_year"]) == (1, {"MS": 12, "QS": 4, "YS": 1, "7D": 52}[cadence])


def test_an_unsorted_series_is_named_by_the_contract():
    times = pd.DatetimeIndex(["2020-02-01", "2020-01-01"])
    dataset = xr.Dataset({"available_at": ("time", times)}, coords={"time": times})
    with pytest.raises(SchemaError, match=r"/temperature/mod11a2/time: expected times in order, found them unsorted"):
        schema.validate_group("/temperature/mod11a2", dataset, schema.TEMPERATURE)
