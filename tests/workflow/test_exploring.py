"""`workflow.explore` and ``glaciercast explore``: sections, what is missing, files, and that no run is overwritten."""

import json

import numpy as np
import pytest
from tests import audited
from typer.testing import CliRunner

from glaciercast import schema, workflow
from glaciercast.cli.main import app
from glaciercast.errors import ConfigError, InputError, RunFolderError
from glaciercast.report import exploration_page

DAYS = np.arange("2004-01-01", "2016-01-01", 8, "datetime64[D]")
SCENES = ("2019-01-10", "2019-01-20", "2019-07-05", "2020-08-15")


def terrain():
    ice = np.zeros((20, 20), bool)
    ice[:, :10] = True
    found = audited.terrain(ice, audited.geobox((20, 20)))
    elevation = np.broadcast_to(np.linspace(4000, 4490, 20)[:, None], (20, 20)).astype("float32")
    return found.assign(elevation=(("y", "x"), elevation, found["elevation"].attrs))


def optical():
    """Return snow in January, and in summer bare ice beside rock; the last scene is half clouded."""
    clear = np.ones((4, 20, 20), bool)
    clear[3, :, ::2] = False
    found = audited.optical(clear, days=SCENES)
    ice = np.arange(20) < 10
    bands = {"green": (0.8, 0.4, 0.15), "nir": (0.7, 0.3, 0.2), "swir16": (0.1, 0.05, 0.25)}
    layers = {}
    for name, (snow, bare, rock) in bands.items():
        values = np.where(np.arange(4)[:, None, None] < 2, snow, np.where(ice, bare, rock)) * np.ones((1, 20, 20))
        layers[name] = (schema.GRID, np.where(clear, values, np.nan).astype("float32"), {"units": "1"})
    return found.assign(**layers)


def velocity():
    first = np.datetime64("2015-01-01") + np.arange(60) * np.timedelta64(24, "D")
    noise = np.random.default_rng(0).standard_normal((2, 60, 20, 20))
    flow = np.where(np.arange(20) < 10, 80.0, 0.0)
    return audited.velocity(flow + noise[0], first, first + np.timedelta64(20, "D"), vy=noise[1]).assign(
        v_error=(("pair", "y", "x"), np.ones((60, 20, 20), "float32"), {"units": "m year-1"})
    )


def temperature():
    moment = np.arange(len(DAYS)) * 8 / 365.25
    base = 270 - 12 * np.cos(2 * np.pi * moment) + np.random.default_rng(1).standard_normal(len(DAYS))
    cells = np.stack([np.minimum(base, 273.15), base + 6], axis=1)[:, None, :]
    return audited.temperature(cells, days=DAYS, box=audited.geobox((1, 2), pixel=1000.0)).assign_attrs(platform="Terra")


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    groups = {
        "/terrain": terrain(), "/optical/landsat": optical(), "/velocity/itslive": velocity(), "/temperature/mod11a2": temperature(),
    }  # fmt: skip
    return audited.write(tmp_path_factory.mktemp("explored") / "cube.zarr", groups)


@pytest.fixture(scope="module")
def explored(cube, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    return out, workflow.explore(cube, out)


def test_the_result_is_the_json_in_the_folder(explored):
    out, result = explored
    assert json.loads((out / "exploration.json").read_text(encoding="utf-8")) == json.loads(json.dumps(result))
    assert result["missing"] == [] and result["terrain"]["ice_km2"] == pytest.approx(2.0)


def test_the_cover_is_that_of_the_scenes(explored):
    told = explored[1]["optical"]["/optical/landsat"]
    assert told["coverage"]["longest_gap_days"] == 407 and told["coverage"]["mean_share"] == 0.875
    ice, ground = told["classes"]["ice"], told["classes"]["ground"]
    assert ice["by_month"][0]["snow"] == 1 and ice["by_month"][6]["ice"] == 1 and ground["by_month"][7]["rock"] == 1
    assert ice["all"]["snow"] == pytest.approx(400 / 700) and ice["by_month"][1]["snow"] is None
    assert [row["zone"] for row in ice["by_band"]] == ["ice 4000-4250 m", "ice 4250-4500 m"]


def test_velocity_and_temperature_are_told_by_zone(explored):
    rows = {row["zone"]: row for row in explored[1]["velocity"]["/velocity/itslive"]["zones"]}
    assert rows["ice 4000-4250 m"]["mean"] == pytest.approx(80, abs=0.5) and rows["ground 4000-4250 m"]["mean"] is None
    assert not rows["ice 4000-4250 m"]["seasonal"]
    zones = {row["zone"]: row for row in explored[1]["temperature"]["/temperature/mod11a2"]["day"]["zones"]}
    assert zones["bare ice"]["all_years"]["method"] == "censored" and zones["ground"]["all_years"]["trend"] == pytest.approx(0, abs=0.5)


def test_the_page_holds_every_figure_and_loads_nothing(explored):
    out, result = explored
    page = (out / "exploration.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(result["figures"]) == len(list((out / "figures").glob("*.png"))) >= 7
    assert "http:" not in page and "https:" not in page and "<script" not in page and "bare ice" in page
    assert not list(out.rglob("*.partial"))


def test_another_run_is_not_overwritten(cube, explored):
    out, _ = explored
    before = (out / "exploration.json").read_bytes()
    with pytest.raises(RunFolderError, match="holds a finished 'explore' run"):
        workflow.explore(cube, out)
    assert (out / "exploration.json").read_bytes() == before


def test_what_a_cube_lacks_is_said_the_rest_is_told_and_markup_in_a_title_stays_text(tmp_path):
    import zarr

    poor = audited.write(tmp_path / "cube.zarr", {"/optical/landsat": optical()})
    zarr.open_group(poor, mode="r+").attrs["title"] = "<b>Title</b>"
    told = CliRunner().invoke(app, ["explore", str(poor), "--out", str(tmp_path / "run"), "--set", "thresholds.ndsi=0.3", "--json"])
    assert told.exit_code == 0
    result = json.loads(told.stdout)
    assert [entry["section"] for entry in result["missing"]] == ["terrain", "velocity", "temperature"]
    assert list(result["optical"]["/optical/landsat"]["classes"]) == ["scene"]
    assert result["settings"]["thresholds"]["ndsi"] == 0.3
    page = (tmp_path / "run" / "exploration.html").read_text(encoding="utf-8")
    assert "no product under /velocity" in page and "&lt;b&gt;Title&lt;/b&gt;" in page and "<b>Title" not in page


def test_an_empty_cube_and_an_unknown_setting_are_refused(tmp_path):
    empty = audited.write(tmp_path / "cube.zarr", {"/terrain": terrain()})
    with pytest.raises(InputError, match="expected a product under /optical, /velocity or /temperature, found none"):
        workflow.explore(empty, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="bnad"):
        workflow.read_explore_config({"bnad": 100})


def test_the_command_says_a_line_a_finding_and_refuses_another_run(cube, explored, tmp_path):
    out, result = explored
    assert exploration_page.summary(result)[0] == (
        "/optical/landsat: 4 scenes 2019-01-10 … 2020-08-15, longest gap 407 days, 17 of 20 months without"
    )
    again = CliRunner().invoke(app, ["explore", str(cube), "--out", str(out)])
    assert again.exit_code == 2 and "choose another --out" in again.stderr
    nothing = CliRunner().invoke(app, ["explore", str(tmp_path), "--out", str(tmp_path / "x")])
    assert nothing.exit_code == 2 and "expected a cube" in nothing.stderr
