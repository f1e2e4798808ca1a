"""``glaciercast motion`` as a user meets it: two rasters, a cube, and one line for what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.cli.test_cli import call, refused
from tests.made import write_tiff
from tests.motion.cubes_made import ICE, PIXEL, SIZE, SPEED, cube, texture

from glaciercast import store

QUICK = ("--step", 8, "--chips", "16,32")
OF_CUBE = (*QUICK, "--buffer", 100, "--max-days", 40, "--set", "own.min_stable=20", "--set", "inversion.min_observations=3")


@pytest.fixture
def pair(tmp_path):
    names = "LC08_L2SP_147038_20200205_20200820_02_T1_B5.TIF", "LC08_L2SP_147038_20200221_20200820_02_T1_B5.TIF"
    moved = np.where(ICE, texture(1.5, -1.0), texture(0, 0))
    return [write_tiff(tmp_path / name, values.astype("float32")) for name, values in zip(names, (texture(0, 0), moved), strict=True)]


@pytest.mark.slow
def test_two_rasters_become_geotiffs_and_a_line_of_json(pair, tmp_path):
    ice = write_tiff(tmp_path / "ice.tif", ICE.astype("uint8"))
    options = (*QUICK, "--search", 4, "--outline", ice, "--buffer", 300, "--set", "min_stable=20")
    made = call("motion", *pair, "--out", tmp_path / "run", *options, "--json")
    assert made.returncode == 0, made.stderr
    result = json.loads(made.stdout)
    assert result["dates"] == ["2020-02-05 00:00:00", "2020-02-21 00:00:00"] and result["days"] == 16
    assert [Path(path).stem for path in result["files"][:4]] == ["vx", "vy", "speed", "error"]
    with rasterio.open(result["files"][0]) as file:
        vx = file.read(1)
        assert file.units == ("m year-1",) and file.transform.a == 8 * 30
    inside = abs((np.arange(vx.shape[1]) + 0.5) * 8 + 4.5 - SIZE / 2) < 15
    assert np.nanmedian(vx[:, inside]) == pytest.approx(1.5 * 30 * 365.25 / 16, rel=0.03)
    assert result["stable_ground"]["nmad_x"] < 30 and (tmp_path / "run" / "provenance.json").is_file()
    text = call("motion", *pair, "--out", tmp_path / "text", *options)
    assert "median speed" in text.stdout and "stable ground: moved by" in text.stdout and text.stdout.strip().endswith("quality.png")
    refused(call("motion", *pair, "--out", tmp_path / "run", *options), "holds a finished 'motion' run; choose another --out")


@pytest.mark.slow
def test_a_cube_gains_own_velocities_and_their_series(tmp_path):
    path = cube(tmp_path / "cube.zarr")
    made = call("motion", path, *OF_CUBE, "--out", tmp_path / "run", "--json")
    assert made.returncode == 0, made.stderr
    result = json.loads(made.stdout)
    assert result["own"]["pairs"] == 5 and result["series"]["own"]["group"] == "/velocity/own_series" and result["merged"] is None
    series = store.open_cube(path)["velocity"]["own_series"].to_dataset()
    inside = abs(series.x.values - series.x.values.mean()) < 15 * PIXEL
    for name, speed in zip(("vx", "vy"), SPEED, strict=True):
        assert float(np.nanmedian(series[name].values[:, :, inside])) == pytest.approx(speed, abs=10)
    assert json.loads((tmp_path / "run" / "results" / "motion.json").read_text()) == result
    assert Path(result["figures"][0]).stat().st_size > 20_000
    text = call("motion", path, *OF_CUBE)
    assert text.returncode == 0 and "/velocity/own: 5 pairs of sentinel2 nir, 0 flagged" in text.stdout
    refused(
        call("motion", path, *QUICK, "--max-days", 20),
        "/velocity/own was begun from other input or settings; restore them, or --replace it",
    )


WRONG = [
    (("--min-days", 10), "--min-days: only for a cube"),
    (("--merge", "--until", "2020-01-01"), "--until, --merge: only for a cube"),
    ((), "--out: expected the run folder to write, found none"),
    (("--chips", "32,a"), "--chips '32,a': expected whole numbers of pixels, such as 32,48,64"),
    (("--chips", "64,32"), "options: key 'tracking.chips': expected growing sizes from 16 to 1024 pixels"),
    (("--search", 8, "--max-speed", 100), "--search and --max-speed: expected one of the two"),
    (("--band", "nir", "--out", "x"), "options: key 'band': Input should be a valid integer"),
    (("--dates", "2020-02-21", "2020-02-05", "--out", "x"), "dates: expected a second acquisition after the first, found 2020-02-21"),
    (("--dates", "then", "now", "--out", "x"), "--dates: expected a date such as 2020-02-05, found 'then'"),
    (("--set", "tracking.chip=3", "--out", "x"), "options: unknown key 'tracking.chip' (did you mean 'chips'?)"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_options_for_rasters_are_one_line(pair, options, message):
    refused(call("motion", *pair, *options), message)


def test_the_same_scene_twice_is_one_line(pair, tmp_path):
    dates = ("--dates", "2020-02-05", "2020-02-21")
    refused(
        call("motion", pair[0], pair[0], *dates, "--out", tmp_path / "run"), "expected two scenes of different dates, found the same values"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--pixels",), "--pixels: only for two rasters"),
        (("--product", "landsat"), "/optical: unknown product 'landsat'; known: sentinel2"),
        (("--band", "red"), "/optical/sentinel2: unknown band 'red'"),
        (("--max-days", 5), "options: key 'own': expected min_days ≤ max_days"),
        (("--min-days", 61, "--max-days", 90), "baselines: none of 4 scenes pairs with another over 61 to 90 days"),
        (("--until", "soon"), "--until 'soon': expected a day such as 2020-05-01"),
        (("--max-speed", 1e6), "max_speed 1e+06 m/yr: expected at most 500 pixels between the scenes"),
    ],
)
def test_wrong_options_for_a_cube_are_one_line_and_leave_it_alone(tmp_path, options, message):
    path = cube(tmp_path / "cube.zarr")
    refused(call("motion", path, *options), message)
    assert not (path / "velocity").exists()


def test_what_is_no_cube_is_one_line(tmp_path):
    refused(call("motion", tmp_path), "expected a cube (a Zarr v3 store or a run folder that holds cube.zarr), found none")
