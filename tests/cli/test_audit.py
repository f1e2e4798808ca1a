"""``glaciercast audit`` as a user meets it: the table, the figure, the exit code and the one line."""

import json

import geopandas
import numpy as np
import pytest
import shapely
from tests.audited import BESIDE, RIGHT, geobox, mismatched, modis_box, optical, terrain, utm_box, write, write_table
from typer.testing import CliRunner

from glaciercast import workflow
from glaciercast.errors import InputError


def call(*arguments):
    from glaciercast import progress
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    progress.show(False)
    return result


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    return mismatched(tmp_path_factory.mktemp("beside") / "cube.zarr")


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    return mismatched(tmp_path_factory.mktemp("right") / "cube.zarr", RIGHT, RIGHT)


def test_a_mismatched_cube_fails_with_table_figure_and_one_line(beside, tmp_path):
    result = call("audit", beside, "--site", "shisper", "--out", tmp_path / "new" / "figure.png")
    assert result.exit_code == 1
    assert (
        result.stderr.strip()
        .splitlines()[-1]
        .startswith("glaciercast: /velocity/itslive: no cell lies on the outline; the nearest is 3.3 km")
    )
    lines = result.stdout.splitlines()
    assert lines[0].startswith("outline: box of the outline of shisper, 199.") and "expected: 90% of it" in lines[0]
    rows = {line.split("  ")[0]: line.split()[-1] for line in lines[3:6]}
    assert rows == {"/optical/sentinel2": "ok", "/velocity/itslive": "fails", "/temperature/mod11a2": "fails"}
    assert lines[6] == str(tmp_path / "new" / "figure.png") and (tmp_path / "new" / "figure.png").stat().st_size > 20_000


def test_a_cube_in_the_right_place_passes(right):
    result = call("audit", right.parent, "--site", "shisper", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["verdict"] == "ok" and found["site"] == "shisper" and found["lake"] == [74.572267, 36.35594]
    assert set(found["products"]) == {"/optical/sentinel2", "/velocity/itslive", "/temperature/mod11a2"}
    assert set(found["regions"]) == {"outline", "lake"}


def test_json_of_a_failure_is_whole_and_alone_on_standard_output(beside):
    result = call("audit", beside, "--site", "shisper", "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)["verdict"] == "fails"
    assert result.stderr.count("glaciercast: ") == 1


@pytest.mark.parametrize(("place", "cell", "code"), [(utm_box(*BESIDE, 240.0), 240, 1), (modis_box(*RIGHT), 926.6, 0)])
def test_a_table_alone_is_audited(tmp_path, place, cell, code):
    table = write_table(tmp_path / "velocity.csv", place)
    columns = ("--lon", "longitude", "--lat", "latitude", "--time", "date", "--value", "value", "--cell", cell)
    result = call("audit", "--table", table, *columns, "--site", "shisper", "--json")
    assert result.exit_code == code, result.stderr
    assert json.loads(result.stdout)["products"]["velocity.csv"]["dates"] == 4


def test_thresholds_lake_and_outline_can_be_given(right, tmp_path):
    outline = tmp_path / "half.geojson"
    geopandas.GeoDataFrame(geometry=[shapely.box(74.61, 36.40, 75.0, 36.45)], crs="EPSG:4326").to_file(outline)
    assert call("audit", right, "--outline", outline).exit_code == 1
    result = call("audit", right, "--outline", outline, "--min-cover", "0.2", "--lake", "74.6,36.4", "--lake-buffer", "1000", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["min_cover"] == 0.2 and found["regions"]["lake"]["area_km2"] == pytest.approx(np.pi, rel=1e-3)
    wide = json.loads(call("audit", right, "--outline", outline, "--buffer", "500", "--json").stdout)
    assert wide["regions"]["outline"]["area_km2"] > found["regions"]["outline"]["area_km2"]


def test_without_outline_the_ice_of_the_cube_counts(tmp_path):
    ice = np.zeros((10, 10), bool)
    ice[:, 2:6] = True
    seen = np.zeros((4, 10, 10), bool)
    seen[:, :, 4:] = True
    path = write(tmp_path / "cube.zarr", {"/optical/landsat": optical(seen), "/terrain": terrain(ice, geobox())})
    found = workflow.audit(path)
    assert found["outline"] == "/terrain/ice" and found["lake"] is None
    assert found["products"]["/optical/landsat"]["outline"]["observed"] == pytest.approx(0.5, abs=2e-6)


def test_wrong_input_is_one_line(right, tmp_path):
    cases = [
        ((), "expected a cube or a table, found neither"),
        ((right,), "expected an outline (--outline or --site, or the ice of the cube's /terrain), found none"),
        ((tmp_path,), "expected a cube"),
        ((right, "--site", "parvati"), "site parvati: has no outline"),
        ((right, "--site", "shispr"), "unknown site 'shispr' (did you mean 'shisper'?)"),
        ((right, "--site", "shisper", "--lake", "74"), "--lake 74: expected two numbers"),
        ((right, "--site", "shisper", "--lake", "740,3"), "--lake 740,3: expected degrees"),
        ((right, "--site", "shisper", "--out", tmp_path / "figure.tif"), "figure.tif: expected the name of a figure"),
        (("--site", "shisper", "--table", tmp_path / "none.csv"), "--cell is missing"),
        (("--site", "shisper", "--table", tmp_path / "none.csv", "--cell", "0"), "--table: key 'cell'"),
        (("--site", "shisper", "--table", tmp_path / "none.csv", "--cell", "240"), "none.csv: cannot be read: No such file"),
    ]
    for arguments, message in cases:
        result = call("audit", *arguments)
        assert result.exit_code == 2 and result.stdout == "", (arguments, result.output)
        assert message in result.stderr.strip().splitlines()[-1], (arguments, result.stderr)
        assert len(result.stderr.strip().splitlines()) == 1


def test_the_function_refuses_as_the_command_does(right):
    with pytest.raises(InputError, match=r"audit: expected a cube or a table, found neither"):
        workflow.audit(outline="any.shp")
    assert workflow.audit(right, "shisper", figure=None)["figure"] is None
