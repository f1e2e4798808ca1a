"""``glaciercast hazard lakes`` from a cube on disk to files, as a user meets it."""

import json

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from tests import audited
from tests.hazard import made_lakes as made
from typer.testing import CliRunner

from glaciercast import workflow
from glaciercast.errors import InputError, RunFolderError
from glaciercast.hazard import records

DAYS = ["2020-06-01", "2020-06-09", "2020-06-17", "2020-06-25"]


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    scenes = made.scenes([made.disc(r) for r in (10.0, 11.0, 3.0, 3.4)], DAYS, latency="2D")
    ground = {"/terrain": made.terrain(np.full((made.SIDE, made.SIDE), 2600.0)), "/optical/landsat": scenes}
    return audited.write(tmp_path_factory.mktemp("lakes") / "cube.zarr", ground)


def call(*arguments):
    from glaciercast import progress
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    progress.show(False)
    return result


def test_a_lake_becomes_tables_outlines_images_and_a_figure(cube, tmp_path):
    lon, lat = made.degrees(40, 40)
    result = call("hazard", "lakes", cube, "--at", f"{lon},{lat}", "--name", "upper", "--out", tmp_path / "run", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["areas"] == 4 and told["crs"] == "EPSG:32643" and told["warning"] is None
    (drop,) = told["drops"]
    assert (drop["earliest"][:10], drop["latest"][:10], drop["confirmed"]) == ("2020-06-09", "2020-06-17", True)
    run = tmp_path / "run"
    (run / "events.csv").write_text((run / "drops.csv").read_text())
    read = records.read(run)  # the drops are fit to be read as events
    assert len(read.areas) == 4 and read.images.shape[0] == 4 and list(read.events["lake"]) == ["upper"]
    assert (read.areas["available_at"] - read.areas["time"]).unique().tolist() == [pd.Timedelta("2D")]
    outlines, degrees = (geopandas.read_file(run / f"outlines.{end}") for end in ("gpkg", "geojson"))
    assert outlines.crs.to_epsg() == 32643 and degrees.crs.to_epsg() == 4326 and len(outlines) == 4
    centre = degrees.geometry[1].centroid
    assert (centre.x, centre.y) == pytest.approx((lon, lat), abs=3e-5)
    assert (run / "figures" / "lake.png").stat().st_size > 20_000
    assert {"rate", "threshold", "frozen", "hidden_area"} <= set(pd.read_csv(run / "series.csv"))
    with pytest.raises(RunFolderError, match="holds a finished"):
        workflow.follow_lake(cube, run, at=(lon, lat))


def test_an_outline_of_a_file_names_the_lake(cube, tmp_path):
    shape = shapely.Point(made.degrees(40, 40)).buffer(0.002)
    geopandas.GeoDataFrame(geometry=[shape], crs="EPSG:4326").to_file(tmp_path / "lake.geojson", engine="pyogrio")
    told = workflow.follow_lake(cube, tmp_path / "run", outline=tmp_path / "lake.geojson")
    assert told["areas"] == 4 and told["largest_m2"] == pytest.approx(np.pi * 330**2, rel=0.02)


def test_what_is_wrong_gets_one_line(cube, tmp_path):
    swapped = call("hazard", "lakes", cube, "--at", "36.4,74.5", "--out", tmp_path / "a")
    assert swapped.exit_code == 2 and "longitude first" in swapped.stderr and "Traceback" not in swapped.stderr
    lon, lat = made.degrees(6, 6)
    dry = call("hazard", "lakes", cube, "--at", f"{lon},{lat}", "--out", tmp_path / "b", "--set", "reach=100")
    assert dry.exit_code == 2 and "no water within 100 m in any of 4 scenes" in dry.stderr and "the nearest lies" in dry.stderr
    assert call("hazard", "lakes", cube, "--at", "here", "--out", tmp_path / "c").stderr.startswith("glaciercast: --at here: expected two")
    with pytest.raises(InputError, match=r"expected the lake \(--at lon,lat, --outline FILE or --site NAME\), found none"):
        workflow.follow_lake(cube, tmp_path / "d")
    with pytest.raises(InputError, match="site parvati: has no lake"):
        workflow.follow_lake(cube, tmp_path / "d", site="parvati")
    assert not (tmp_path / "d").exists()


def test_a_sliver_is_warned_of_on_standard_error(tmp_path):
    scenes = made.scenes([made.disc(1.1), made.disc(0.0), made.disc(0.0)], DAYS[:3])
    path = audited.write(tmp_path / "cube.zarr", {"/optical/landsat": scenes})
    lon, lat = made.degrees(40, 40)
    result = call("hazard", "lakes", path, "--at", f"{lon},{lat}", "--out", tmp_path / "run")
    assert result.exit_code == 0 and "warning: lake at lon" in result.stderr and "a sliver" in result.stderr
    assert "no drainage found" in result.stdout


def test_a_point_that_is_off_is_an_error_that_names_where_the_water_is(tmp_path):
    both = np.maximum(made.disc(8.0, (40.0, 55.0)), made.disc(1.1, (40.0, 20.0)))
    path = audited.write(tmp_path / "cube.zarr", {"/optical/landsat": made.scenes([both] * 3, DAYS[:3])})
    lon, lat = made.degrees(40, 20)
    result = call("hazard", "lakes", path, "--at", f"{lon},{lat}", "--out", tmp_path / "run")
    assert result.exit_code == 2 and "Traceback" not in result.stderr
    assert "never more than 4 pixels, shadow or noise; the nearest lasting water lies" in result.stderr
    again = call("hazard", "lakes", path, "--at", f"{lon},{lat}", "--out", tmp_path / "run", "--set", "sliver_pixels=0")
    assert again.exit_code == 0 and "a sliver" in again.stderr
