"""Groups of a cube as files: every pixel where the cube has it, resumed by file, and never something else under an old name."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import typer
import xarray as xr
from odc.geo.geobox import GeoBox
from typer.testing import CliRunner

from glaciercast import grid, schema, store
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.workflow import exports

UTM = GeoBox.from_bbox((499980, 3999990, 500100, 4000080), "EPSG:32643", resolution=30)
SPHERE = GeoBox.from_bbox((7308000, 3566000, 7312000, 3569000), "+proj=sinu +R=6371007.181 +units=m +no_defs", resolution=1000)
MONTHS = np.array(["2020-01-01", "2020-02-01", "2020-03-01"], "M8[ns]")
ENDS = np.array(["2020-02-01", "2020-03-01", "2020-04-01"], "M8[ns]")
SECONDS = np.array(["2020-01-03T05:30:01", "2020-01-03T05:30:25", "2020-01-03T05:30:25"], "M8[ns]")
CREDIT = "© somebody"


def frame(step: int) -> np.ndarray:
    values = np.arange(12, dtype="float32").reshape(3, 4) / 100 + step
    values[1, 1] = np.nan
    return values


def write(path, group, coords, arrays, regions, chunks=None):
    writer = store.RegionWriter(path, group, "f")
    writer.begin(coords, {name: values.dtype for name, values in arrays.items()}, chunks)
    for number, at in enumerate(regions):
        writer.write(number, {name: values[number if at is None else at] for name, values in arrays.items()}, at=at)
    writer.end()


def contents(paths):
    return {path: Path(path).read_bytes() for path in paths}


@pytest.fixture
def cube(tmp_path):
    """Return a cube with every kind of group."""
    path = tmp_path / "run" / "cube.zarr"
    store.create(path, schema.root_attributes("made"))
    values = np.stack([frame(step) for step in range(3)])
    zeros = np.zeros(3, "float32")
    attrs = {"title": "Made", "attribution": CREDIT}
    place = grid.coordinates(UTM)
    optical = {"scene_id": ("time", np.array(list("abc"), dtype=object)), "sensor": ("time", np.array(list("ddd"), dtype=object)),
               "shift_x": ("time", zeros), "shift_y": ("time", zeros), "available_at": ("time", SECONDS)}  # fmt: skip
    coords = xr.Dataset(optical, coords={**place, "time": SECONDS}, attrs=attrs)
    write(path, "/optical/made", coords, {"green": values, "swir16": values + 10, "clear": values > 1}, [None] * 3)
    coords = xr.Dataset({"available_at": ("time", ENDS)}, coords={**grid.coordinates(SPHERE), "time": MONTHS}, attrs=attrs)
    parts = [(slice(0, 2), slice(0, 3), slice(0, 4)), (slice(2, 3), slice(0, 3), slice(0, 4))]
    write(path, "/temperature/made", coords, {"lst_day": values + 270, "qc_day": np.full(values.shape, 7, "uint8")}, parts, (2, 3, 4))
    whole = (slice(0, 3), slice(0, 4))
    terrain = dict.fromkeys(("elevation", "slope", "aspect"), values[0]) | {"ice": values[0] > 0.05}
    write(path, "/terrain", xr.Dataset(coords=place, attrs=attrs), terrain, [whole], (3, 4))
    pairs = {name: ("pair", times) for name, times in (("acquired_first", MONTHS), ("acquired_second", ENDS), ("available_at", ENDS))}
    tiles = [(slice(0, 3), slice(0, 3), slice(0, 2)), (slice(0, 3), slice(0, 3), slice(2, 4))]
    velocity = {"vx": values, "vy": -values, "v_error": np.ones_like(values)}
    write(path, "/velocity/made", xr.Dataset(pairs, coords=place, attrs=attrs), velocity, tiles, (3, 3, 2))
    bounds = np.stack([MONTHS, ENDS], 1)
    aligned = {"season_sin": ("time", zeros), "season_cos": ("time", zeros), "available_at": ("time", ENDS),
               "velocity_available_at": ("time", ENDS + np.timedelta64(9, "D")), "time_bounds": (("time", "bounds"), bounds),
               "elevation": (("y", "x"), frame(5))}  # fmt: skip
    coords = xr.Dataset(aligned, coords={**place, "time": MONTHS}, attrs=attrs | {"cadence": "MS", "looks_ahead": 1})
    seen = np.isfinite(values).astype("float32")
    write(path, "/aligned", coords, {"ndsi": values, "ndsi_observed": seen, "vx": values, "vx_observed": 0 * seen}, [None] * 3)
    return path


def test_each_raster_lies_where_the_cube_has_it(cube, tmp_path):
    result = exports.export_group(cube.parent, tmp_path / "out", variables=["ndsi"], start="2020-02-01", end="2020-02-29")
    names = [path.rpartition("/")[2] for path in result["files"]]
    assert names == ["ndsi_2020-02-01.tif", "ndsi_observed_2020-02-01.tif"]
    assert (result["written"], result["kept"], result["steps"]) == (2, 0, 1)
    dataset = store.open_cube(cube)["aligned"].to_dataset()
    with rasterio.open(result["files"][0]) as file:
        band, tags = file.read(1), file.tags()
        for row in range(3):
            for col in range(4):
                x, y = file.xy(row, col)
                there = dataset.ndsi.sel(time="2020-02-01", x=x, y=y).values.item()
                np.testing.assert_equal(float(band[row, col]), there)
    assert tags["valid_time"] == "2020-02-01T00:00:00Z" and tags["valid_until"] == tags["available_at"] == "2020-03-01T00:00:00Z"
    assert tags["TIFFTAG_DATETIME"] == "2020:02:01 00:00:00" and tags["TIFFTAG_COPYRIGHT"] == CREDIT and tags["looks_ahead"] == "1"
    assert tags["units"] == "1" and float(tags["observed_fraction"]) == pytest.approx(11 / 12, abs=1e-6)


def test_velocity_of_the_series_says_when_it_could_be_had_and_what_was_seen_can_be_left_out(cube, tmp_path):
    result = exports.export_group(cube, tmp_path / "out", variables=["vx", "elevation"], end="2020-01-31", observed=False)
    assert [path.rpartition("/")[2] for path in result["files"]] == ["elevation.tif", "vx_2020-01-01.tif"]
    with rasterio.open(result["files"][1]) as file:
        assert file.tags()["available_at"] == "2020-02-10T00:00:00Z" and file.units == ("m year-1",)
    with rasterio.open(result["files"][0]) as file:
        np.testing.assert_array_equal(file.read(1), frame(5))


def test_scenes_of_one_second_keep_their_own_names(cube, tmp_path):
    result = exports.export_group(cube, tmp_path / "out", group="optical/made", variables=["clear"])
    names = [path.rpartition("/")[2] for path in result["files"]]
    assert names == ["clear_2020-01-03T053001Z.tif", "clear_2020-01-03T053025Z.tif", "clear_2020-01-03T053025Z_2.tif"]


def test_a_grid_on_the_sphere_stays_there(cube, tmp_path):
    result = exports.export_group(cube, tmp_path / "out", group="/temperature/made", start="2020-02-15")
    assert [path.rpartition("/")[2] for path in result["files"]] == ["lst_day_2020-03-01.tif", "qc_day_2020-03-01.tif"]
    with rasterio.open(result["files"][0]) as file:
        assert file.crs.to_dict()["proj"] == "sinu" and file.xy(0, 0) == (7308500.0, 3568500.0) and file.units == ("K",)
        np.testing.assert_array_equal(file.read(1), frame(2) + np.float32(270))


@pytest.mark.parametrize(("group", "steps"), [("/aligned", 3), ("/optical/made", 3), ("/temperature/made", 3), ("/terrain", None)])
@pytest.mark.parametrize("form", ["cog", "netcdf"])
def test_all_of_a_group_can_be_had_and_the_same_call_goes_on(cube, tmp_path, group, steps, form):
    first = exports.export_group(cube, tmp_path / "out", group=group, form=form)
    assert first["steps"] == steps and first["written"] == len(first["files"])
    lost, *rest = first["files"]
    before = contents(first["files"])
    Path(lost).unlink()
    again = exports.export_group(cube, tmp_path / "out", group=group, form=form)
    assert again["files"] == first["files"] and again["written"] == 1 and again["kept"] == len(rest)
    assert form == "netcdf" or before == contents(first["files"])
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_netcdf_is_the_group(cube, tmp_path):
    result = exports.export_group(cube, tmp_path / "out", form="netcdf", start="2020-02-01", variables=["ndsi"])
    dataset = store.open_cube(cube)["aligned"].to_dataset().isel(time=slice(1, None))
    with xr.open_dataset(result["files"][0], decode_coords="all") as back:
        assert back.attrs["Conventions"] == "CF-1.11" and back.attrs["attribution"] == CREDIT and back.attrs["looks_ahead"] == "1"
        assert set(back.data_vars) >= {"ndsi", "ndsi_observed", "available_at"} and "vx" not in back and "elevation" not in back
        assert back.ndsi.attrs["ancillary_variables"] == "ndsi_observed" and grid.of(back, "file") == UTM
        for name in ("ndsi", "ndsi_observed", "available_at", "time_bounds", "time", "y", "x"):
            np.testing.assert_array_equal(back[name].values, dataset[name].values)


def test_pairs_go_to_netcdf_and_nowhere_else(cube, tmp_path):
    with pytest.raises(InputError, match=r"/velocity/made: holds pairs of images, no series; export vx, vy and speed of /aligned, or"):
        exports.export_group(cube, tmp_path / "out", group="/velocity/made")
    result = exports.export_group(cube, tmp_path / "out", group="/velocity/made", form="netcdf", start="2020-01-15", end="2020-03-15")
    with xr.open_dataset(result["files"][0], decode_coords="all") as back:
        assert result["steps"] == back.sizes["pair"] == 1 and back.acquired_first.values[0] == MONTHS[1]
        np.testing.assert_array_equal(back.vy.values[0], -frame(1))


def test_what_another_export_wrote_is_only_replaced_when_asked(cube, tmp_path):
    folder = tmp_path / "out"
    exports.export_group(cube, folder, form="netcdf")
    with pytest.raises(InputError, match=r"aligned\.nc: holds another export; use --replace or another --out"):
        exports.export_group(cube, folder, form="netcdf", variables=["ndsi"])
    assert exports.export_group(cube, folder, form="netcdf", variables=["ndsi"], replace=True)["written"] == 1
    assert exports.export_group(cube, folder, form="netcdf", variables=["ndsi"], replace=True)["kept"] == 1


def test_a_chunk_that_is_lost_is_told(cube, tmp_path):
    lost = next(path for path in (cube / "aligned" / "ndsi" / "c").rglob("*") if path.is_file())
    lost.unlink()
    for form in exports.FORMATS:
        with pytest.raises(GlaciercastError, match=r"/aligned/ndsi: step \d differs from what was written"):
            exports.export_group(cube, tmp_path / "out", form=form)
    assert not list((tmp_path / "out").rglob("*.nc*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"group": "/optical/mode"}, r"group '/optical/mode'.*/optical/made"),
        ({"group": "/optical"}, r"group '/optical'"),
        ({"variables": ["ndvi"]}, r"/aligned: .*variable 'ndvi'"),
        ({"form": "png"}, r"format 'png'"),
        ({"start": "soon"}, r"--from 'soon': expected a day such as 2020-05-01"),
        ({"end": "NaT"}, r"--to 'NaT': expected a day"),
        ({"start": "2021-01-01"}, r"/aligned: has nothing from 2021-01-01 to the last; it holds 2020-01-01 … 2020-03-01"),
        ({"group": "/terrain", "start": "2020-01-01"}, r"/terrain: has no time; leave out --from and --to"),
    ],
)
def test_what_is_not_there_is_refused(cube, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        exports.export_group(cube, tmp_path / "out", **options)


def test_nothing_is_written_into_the_cube(cube):
    with pytest.raises(InputError, match=r"lies in the cube"):
        exports.export_group(cube, cube / "aligned")


def test_the_command_tells_what_it_wrote(cube, tmp_path):
    from glaciercast.cli import export

    app = typer.Typer()
    app.command()(export.command)
    arguments = [str(cube), "--out", str(tmp_path / "out"), "--variable", "ndsi", "--from", "2020-02-01", "--no-observed"]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0 and "/aligned: ndsi, 2 steps; 2 files written" in told.stdout
    result = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (result["written"], result["kept"]) == (0, 2)
    refused = CliRunner().invoke(app, [*arguments, "--format", "png"])
    assert refused.exit_code == 2 and refused.stderr.startswith("glaciercast: export: ")
