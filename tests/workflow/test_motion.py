"""Motion between two rasters: right velocities in the right place, errors that stable ground bears out, and one line for bad input."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine
from tests.made import write_tiff
from tests.motion.grounds import ground

from glaciercast import workflow
from glaciercast.errors import InputError
from glaciercast.motion.velocity import scale_factors, years_between

SIZE, PIXEL = 224, 30.0
ORIGIN = (500000.0, 4000000.0)
DAYS = ("2020-02-05", "2020-02-21")
QUICK = {"tracking": {"step": 16, "chips": (32, 48), "search": 6.0}}


def scenes(folder: Path, first: np.ndarray, second: np.ndarray, **tiff) -> tuple[Path, Path]:
    """Write two scenes with their dates in their names."""
    names = [f"scene_{day.replace('-', '')}.tif" for day in DAYS]
    one, two = (write_tiff(folder / name, values.astype("float32"), **tiff) for name, values in zip(names, (first, second), strict=True))
    return one, two


def settings(**keys) -> workflow.MotionConfig:
    return workflow.MotionConfig.model_validate({**QUICK, **keys})


def layer(result, name: str) -> tuple[np.ndarray, rasterio.DatasetReader]:
    path = next(path for path in result["files"] if Path(path).stem == name)
    with rasterio.open(path) as file:
        return file.read(1), file


def texture(dx: float = 0.0, dy: float = 0.0, size: int = SIZE) -> np.ndarray:
    """Return periodic texture moved by (`dx`, `dy`) pixels to the right and downwards, exactly; sd 1."""
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    length = np.hypot(rows, columns)
    amplitude = np.where((length > 0.01) & (length < 0.25), 1 / np.maximum(length, 0.01), 0)
    spectrum = np.fft.rfft2(np.random.default_rng(7).normal(size=(size, size))) * amplitude
    image = np.fft.irfft2(spectrum * np.exp(-2j * np.pi * (rows * dy + columns * dx)), s=(size, size))
    return image / np.fft.irfft2(spectrum, s=(size, size)).std()


@pytest.fixture(scope="module")
def sheared(tmp_path_factory):
    """Return a run on ice in the middle third that moves by (2.5, −1.2) px, in a scene that is off by (0.3, 0.1)."""
    folder = tmp_path_factory.mktemp("sheared")
    x = np.arange(SIZE)[None]
    moves = (x > 72) & (x < 152)
    noise = np.random.default_rng(3).normal(size=(2, SIZE, SIZE)) * 0.05
    first, second = texture() + noise[0], np.where(moves, texture(2.8, -1.1), texture(0.3, 0.1)) + noise[1]
    left, top = ORIGIN
    box = shapely.box(left + 72 * PIXEL, top - SIZE * PIXEL, left + 152 * PIXEL, top)
    outline = folder / "ice.geojson"
    geopandas.GeoDataFrame(geometry=[box], crs="EPSG:32643").to_crs("EPSG:4326").to_file(outline)
    pair = scenes(folder, first, second)
    result = workflow.motion_between(*pair, folder / "run", settings(outline=str(outline), buffer=480.0, min_stable=40))
    return folder, result


def test_a_known_shift_is_the_right_velocity_once_stable_ground_is_subtracted(sheared):
    _, result = sheared
    (vx, file), (vy, _), (valid, _), (speed, _) = (layer(result, name) for name in ("vx", "vy", "valid", "speed"))
    assert file.transform == Affine(16 * PIXEL, 0, ORIGIN[0] + 8.5 * PIXEL, 0, -16 * PIXEL, ORIGIN[1] - 8.5 * PIXEL)
    assert file.crs.to_epsg() == 32643
    x = (np.arange(vx.shape[1]) + 0.5) * 16 + 8.5
    middle = np.broadcast_to((x > 100) & (x < 124), vx.shape) & (valid == 1)
    still = np.broadcast_to((x < 40) | (x > 184), vx.shape) & (valid == 1)
    scale = float(np.mean(scale_factors_of(file)))
    yearly = PIXEL / years_between(*DAYS) / scale
    assert middle.sum() >= 7
    assert np.median(vx[middle]) == pytest.approx(2.5 * yearly, abs=0.03 * yearly)
    assert np.median(vy[middle]) == pytest.approx(1.2 * yearly, abs=0.03 * yearly)
    np.testing.assert_allclose(speed[middle], np.hypot(vx, vy)[middle], rtol=1e-6)
    assert abs(np.median(vx[still])) < 0.01 * yearly and abs(np.median(vy[still])) < 0.01 * yearly
    shift = result["stable_ground"]
    assert shift["shift_x"] == pytest.approx(0.3 * yearly, abs=0.01 * yearly)
    assert shift["shift_y"] == pytest.approx(-0.1 * yearly, abs=0.01 * yearly)


def scale_factors_of(file) -> np.ndarray:
    from odc.geo.geobox import GeoBox

    return np.stack(scale_factors(GeoBox(file.shape, file.transform, "EPSG:32643")))


def test_errors_are_those_that_stable_ground_bears_out(sheared):
    _, result = sheared
    (vx, _), (vy, _), (error, _), (valid, _) = (layer(result, name) for name in ("vx", "vy", "error", "valid"))
    x = (np.arange(vx.shape[1]) + 0.5) * 16 + 8.5
    still = np.broadcast_to((x < 72 - 16) | (x > 152 + 16), vx.shape) & (valid == 1)
    ratio = np.concatenate([vx[still] / error[still], vy[still] / error[still]])
    assert still.sum() == result["stable_ground"]["vectors"]
    assert 1.4826 * np.median(abs(ratio - np.median(ratio))) == pytest.approx(1, abs=0.02)


def test_results_tell_quality_and_dates_and_there_is_a_figure(sheared):
    folder, result = sheared
    kept = json.loads((folder / "run" / "results" / "motion.json").read_text())
    assert kept == json.loads(json.dumps(result)) and kept["days"] == 16 and kept["concern"] == ""
    assert kept["valid_share"] > 0.6 and kept["quality"]["stable_nmad_x"] == pytest.approx(kept["stable_ground"]["nmad_x"], rel=1e-5)
    assert all(Path(figure).stat().st_size > 20_000 for figure in result["figures"])
    _, file = layer(result, "dx")
    with rasterio.open(file.name) as opened:
        tags = opened.tags()
    assert tags["acquired_first"] == "2020-02-05T00:00:00Z" and tags["acquired_second"] == "2020-02-21T00:00:00Z"
    assert tags["units"] == "pixel" and tags["concern"] == "none"


def test_vectors_lie_where_they_say_to_a_hundredth_of_a_pixel(tmp_path):
    """Ground stretched about a point: the velocity vanishes at that point's coordinates."""
    strain, size = 0.05, 256
    first, second = ground(size, strain=-strain / 2), ground(size, strain=strain / 2)
    dense = settings(tracking={**QUICK["tracking"], "step": 8, "search": 10.0})
    result = workflow.motion_between(*scenes(tmp_path, first, second), tmp_path / "run", dense)
    (dx, file), (valid, _) = layer(result, "dx"), layer(result, "valid")
    east = np.broadcast_to(file.transform.c + file.transform.a * (np.arange(dx.shape[1]) + 0.5), dx.shape)
    inside = (valid == 1) & (abs(east - east.mean()) < (size / 2 - 32) * PIXEL)
    slope, at_zero = np.polyfit(east[inside], dx[inside], 1)
    middle = ORIGIN[0] + size / 2 * PIXEL  # (size − 1)/2 is a pixel's number, and half a pixel more its middle
    assert slope * PIXEL == pytest.approx(strain, rel=0.01)
    assert -at_zero / slope == pytest.approx(middle, abs=0.01 * PIXEL)


def test_pictures_without_crs_or_dates_give_pixels_alone(tmp_path):
    pair = [
        write_tiff(tmp_path / name, (texture(shift, 0) * 40 + 128).astype("uint8"), crs=None)
        for name, shift in (("a.png.tif", 0), ("b.tif", 2.0))
    ]
    result = workflow.motion_between(*pair, tmp_path / "run", settings(pixels=True))
    with xr.open_dataset(result["files"][0]) as tracks:
        assert tracks.x.values[0] == 16 and tracks.x.values[1] == 32 and tracks.dx.attrs["units"] == "pixel"
        np.testing.assert_allclose(tracks.dx.values[tracks.valid.values == 1], 2.0, atol=0.05)
    assert result["median_displacement"] == pytest.approx(2.0, abs=0.01) and result["stable_ground"] is None
    ice = np.zeros((SIZE, SIZE), "uint8")
    ice[:, : SIZE // 2] = 255
    drawn = write_tiff(tmp_path / "ice.tif", ice, crs=None)
    still = workflow.motion_between(*pair, tmp_path / "still", settings(pixels=True, outline=str(drawn), buffer=8, min_stable=30))
    assert still["stable_ground"]["shift_x"] == pytest.approx(2.0, abs=0.01) and still["median_displacement"] < 0.02


def test_the_search_follows_from_the_highest_speed_and_masked_ground_has_no_vectors(tmp_path):
    mask = np.zeros((SIZE, SIZE), "uint8")
    mask[:, 112:] = 1
    pair = scenes(tmp_path, texture(), texture(1.0, 0.0))
    drawn = write_tiff(tmp_path / "mask.tif", mask)
    result = workflow.motion_between(*pair, tmp_path / "run", settings(mask=str(drawn), max_speed=3000.0))
    assert result["search_pixels"] == np.ceil(3000 * 16 / 365.25 / PIXEL)
    valid, _ = layer(result, "valid")
    assert valid[:, :5].mean() > 0.9 and valid[:, 8:].sum() == 0


@pytest.mark.parametrize("pixels", [False, True])
def test_too_little_stable_ground_is_of_concern_and_corrects_nothing(tmp_path, pixels):
    pair = scenes(tmp_path, texture(), texture(1.0, 0.0))
    ice = np.ones((SIZE, SIZE), "uint8")
    ice[:, :40] = 0
    drawn = str(write_tiff(tmp_path / "ice.tif", ice))
    result = workflow.motion_between(*pair, tmp_path / "run", settings(outline=drawn, min_stable=50, pixels=pixels))
    assert result["stable_ground"] is None and "24 vectors lie on stable ground, expected at least 50: nothing" in result["concern"]
    if pixels:
        assert result["median_displacement"] == pytest.approx(1.0, abs=0.01)
        return
    (dx, _), (vx, _) = layer(result, "dx"), layer(result, "vx")
    assert np.nanmedian(vx) == pytest.approx(np.nanmedian(dx) * PIXEL / years_between(*DAYS), rel=1e-3)


def test_scenes_that_share_nothing_have_no_vectors_and_say_so(tmp_path):
    rng = np.random.default_rng(0)
    result = workflow.motion_between(*scenes(tmp_path, *rng.normal(size=(2, 128, 128))), tmp_path / "run", settings())
    assert result["vectors"] == 0 and result["median_speed"] is None and result["concern"].startswith("0% of 36 vectors are valid")
    (vx, _), (valid, _) = layer(result, "vx"), layer(result, "valid")
    assert np.isnan(vx).all() and not valid.any()


REFUSED = {
    "reversed": ({"dates": DAYS[::-1]}, {}, r"dates: expected a second acquisition after the first, found 2020-02-21 .* and 2020-02-05"),
    "identical": ({}, {"second": texture()}, r"expected two scenes of different dates, found the same values"),
    "blank": ({}, {"second": np.full((SIZE, SIZE), 5.0)}, r"expected texture in the second scene, found 5 at every usable pixel"),
    "without data": ({}, {"first": np.full((SIZE, SIZE), np.nan)}, r"expected usable pixels in the first scene, found all 50176 masked"),
    "too far": ({"max_speed": 1e6}, {}, r"max_speed 1e\+06 m/yr: expected at most 500 pixels between the scenes, found 1461"),
    "no such band": ({"band": 2}, {}, r"scene_20200205.tif: expected a band 2, found 1 band"),
    "no such mask": ({"mask": "none.tif"}, {}, r"none.tif: cannot be read"),
    "degrees": (
        {},
        {"crs": "EPSG:4326", "origin": (74.0, 36.0), "pixel": 0.0003},
        r"scene_20200205.tif: expected a projected CRS in metres, found EPSG:4326 in degree",
    ),
    "feet": ({}, {"crs": "EPSG:2263"}, r"expected a projected CRS in metres, found EPSG:2263 in US survey foot"),
    "no CRS": ({}, {"crs": None}, r"scene_20200205.tif: has no CRS, so that no velocity can be had; --pixels gives"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line_and_writes_no_result(tmp_path, case):
    keys, tiff, message = REFUSED[case]
    images = {"first": texture(), "second": texture(1.0, 0.0)} | {key: tiff[key] for key in ("first", "second") if key in tiff}
    pair = scenes(tmp_path, *images.values(), **{key: value for key, value in tiff.items() if key not in images})
    with pytest.raises(InputError, match=message) as refused:
        workflow.motion_between(*pair, tmp_path / "run", settings(**keys))
    assert "\n" not in str(refused.value) and not (tmp_path / "run" / "results").exists()


@pytest.mark.parametrize(
    ("tiff", "found"),
    [
        ({"crs": "EPSG:32644"}, r"224×224 pixels of 30×30 m in EPSG:32644 from \(500000, 4e\+06\)"),
        ({"origin": (500015.0, 4000000.0)}, r"EPSG:32643 from \(500015, 4e\+06\)"),
        ({"pixel": 10.0}, r"224×224 pixels of 10×10 m"),
        ({"crs": None}, r"224×224 pixels without CRS"),
    ],
)
def test_other_grids_and_zones_are_named(tmp_path, tiff, found):
    one, two = write_tiff(tmp_path / "a_20200205.tif", texture()), write_tiff(tmp_path / "b_20200221.tif", texture(1.0, 0.0), **tiff)
    with pytest.raises(InputError, match=r"b_20200221.tif: expected .*EPSG:32643 from .* found .*" + found):
        workflow.motion_between(one, two, tmp_path / "run", settings())


def test_a_scene_without_date_asks_for_it(tmp_path):
    one, two = write_tiff(tmp_path / "a.tif", texture()), write_tiff(tmp_path / "b.tif", texture(1.0, 0.0))
    with pytest.raises(InputError, match=r"a.tif: neither tags nor name tell its date; give --dates FIRST SECOND, or --pixels"):
        workflow.motion_between(one, two, tmp_path / "run", settings())
    assert workflow.motion_between(one, two, tmp_path / "run", settings(dates=DAYS))["days"] == 16
