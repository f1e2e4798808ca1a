"""`glaciercast explore` of velocities that are in no cube: tables, series and pairs, real ones by value; one line for what is wrong."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from glaciercast import workflow
from glaciercast.cli.main import app
from glaciercast.errors import InputError, RunFolderError
from glaciercast.explore import velocities
from glaciercast.explore.settings import ExploreConfig
from glaciercast.workflow import exploring_velocities

YEAR = 365.25
TABLE, LOWELL = "itslive_hma/regional_quarterly_velocity.csv.gz", "lowell_surge/Lowell_example_interp.nc"
PAIRS = "itslive_hma/itslive_RGI15-16257_compact.nc"
STEPS = pd.date_range("2010-01-01", "2020-01-01", freq="MS")


def rows(path, **options):
    settings = workflow.read_explore_config(options)
    return {one.row["zone"]: one.row for one in velocities.describe(exploring_velocities.read(path, settings), settings)[1]}


def year_of(times):
    return (times.astype("datetime64[ns]") - np.datetime64("2000-01-01", "ns")) / np.timedelta64(1, "D") / YEAR


def between(first, second, amplitude, day):
    """Return the mean of a cosine between two times, by its integral."""
    begin, end = (np.sin(2 * np.pi * (year_of(each) - day / YEAR)) / (2 * np.pi) for each in (first, second))
    return amplitude * (end - begin) / (year_of(second) - year_of(first))


def table(noise=1.0, **columns):
    """Return ten years of months: A flows along (0.6, 0.8) with a season of 12 m/yr that is fastest on day 150, B is still."""
    first, second = STEPS[:-1].to_numpy(), STEPS[1:].to_numpy()
    rng, flow = np.random.default_rng(0), 80 + between(first, second, 12.0, 150.0)
    frames = []
    for name, speed in (("A", flow), ("B", np.zeros(120))):
        parts = {f"v{axis}": share * speed + noise * rng.normal(size=120) for axis, share in (("x", 0.6), ("y", 0.8))}
        frames.append(pd.DataFrame({"glacier": name, "date": first, **parts, **columns}))
    return pd.concat(frames, ignore_index=True)


def series(**attributes):
    """Return the first glacier of `table` as 3×4 pixels."""
    part = table().query("glacier == 'A'")
    grids = {name: (("time", "y", "x"), np.tile(part[name].to_numpy("float32")[:, None, None], (1, 3, 4))) for name in ("vx", "vy")}
    made = xr.Dataset(grids, {"time": STEPS[:-1].to_numpy(), "y": [240.0, 120.0, 0.0], "x": [0.0, 120.0, 240.0, 360.0]})
    for name in ("vx", "vy"):
        made[name].attrs = {"units": "m/yr"} | attributes
    return made


def pairs(seed=0, number=500):
    """Return pairs of 10 to 400 days over four pixels: 80 m/yr, a season of 12 m/yr, fastest on day 150, and a few blunders."""
    rng = np.random.default_rng(seed)
    first = np.datetime64("2012-01-01", "ns") + rng.integers(0, 8 * 365, number) * np.timedelta64(1, "D")
    second = first + rng.integers(10, 400, number) * np.timedelta64(1, "D")
    error = np.maximum(200 / ((second - first) / np.timedelta64(1, "D")), 1.0)
    flow = 80 + between(first, second, 12.0, 150.0)
    grids = {
        name: share * flow[:, None, None] + error[:, None, None] * rng.normal(size=(number, 2, 2))
        for name, share in (("vx", 0.6), ("vy", 0.8))
    }
    grids["vx"][rng.random((number, 2, 2)) < 0.02] = 3000.0
    dims = ("mid_date", "y", "x")
    made = xr.Dataset({name: (dims, values.astype("float32"), {"units": "meter/year"}) for name, values in grids.items()})
    made = made.assign_coords(mid_date=first + (second - first) / 2, y=[120.0, 0.0], x=[0.0, 120.0])
    made["v_error"] = (dims, np.broadcast_to(error[:, None, None], (number, 2, 2)).astype("float32"), {"units": "meter/year"})
    for image, when in (("1", first), ("2", second)):
        made[f"acquisition_date_img{image}"] = ("mid_date", when)
    return made


@pytest.fixture
def write(tmp_path):
    def to_file(data, name=None):
        path = tmp_path / (name or ("made.csv" if isinstance(data, pd.DataFrame) else "made.nc"))
        if isinstance(data, pd.DataFrame):
            data.to_csv(path, index=False)
        elif path.suffix == ".zarr":
            data.to_zarr(path, consolidated=False)
        else:
            data.to_netcdf(path, engine="h5netcdf")
        return path

    return to_file


def holds(row):
    (low, high), (first, last) = row["amplitude_interval"], row["peak_day_interval"]
    return row["seasonal"] and low <= 12 <= high and first <= 150 <= last


def test_a_table_tells_the_season_of_each_glacier_along_its_flow(write):
    found = rows(write(table()))
    assert holds(found["A"]) and found["A"]["mean"] == pytest.approx(80, abs=1) and found["A"]["observations"] == 120
    assert (found["A"]["vx"], found["A"]["vy"]) == pytest.approx((48, 64), abs=1) and found["A"]["long_term"]["low"] <= 0
    assert found["B"]["amplitude"] is None and found["B"]["reason"].startswith("no direction of flow: the mean velocity is 0.")


@pytest.mark.parametrize("name", ["made.nc", "made.zarr"])
def test_a_grid_a_row_of_places_and_a_point_are_read_alike(write, name):
    found = rows(write(series(), name))["scene"]
    assert holds(found) and found["pixels"] == 12
    places = series().isel(y=0, drop=True).rename(x="place").assign_coords(place=[11, 12, 13, 14])
    assert [holds(row) for row in rows(write(places, f"p{name}")).values()] == [True] * 4
    (point,) = rows(write(series().isel(y=0, x=0, drop=True), f"q{name}")).values()
    assert point["amplitude"] == pytest.approx(found["amplitude"], rel=1e-4)


def test_image_pairs_keep_to_their_spans_and_lose_their_blunders(write):
    path = write(pairs())
    short, every = rows(path)["scene"], rows(path, **{"velocities.max_span_days": 1000})["scene"]
    assert holds(short) and holds(every) and 100 < short["observations"] < 200 and every["observations"] > 480
    raw = rows(path, **{"velocities.clean": False})["scene"]
    assert raw["amplitude_error"] > 2 * short["amplitude_error"]


def test_two_dates_are_those_of_pairs_where_their_spans_differ_and_of_a_series_where_they_do_not(write):
    cube = pairs().isel(x=0, y=0)
    lines = pd.DataFrame({"date1": cube.acquisition_date_img1, "date2": cube.acquisition_date_img2, "vx": cube.vx, "vy": cube.vy})
    scattered = exploring_velocities.read(write(lines.assign(v_error=cube.v_error)), ExploreConfig())
    assert scattered.paired and scattered.notes[0].endswith("image pairs of more than 128 days are left out.")
    (row,) = rows(write(lines.assign(v_error=cube.v_error))).values()
    assert holds(row) and 100 < row["observations"] < 200
    monthly = table().query("glacier == 'A'").rename(columns={"date": "date1"}).assign(date2=STEPS[1:])
    assert not exploring_velocities.read(write(monthly, "months.csv"), ExploreConfig()).paired and holds(
        rows(write(monthly, "months.csv"))["A"]
    )


def test_points_and_a_window_of_a_grid(write):
    path = write(series())
    found = rows(path, **{"velocities.points": {"tongue": [120.0, 120.0]}, "velocities.window": [0, 0, 240, 240]})
    assert found["scene"]["pixels"] == 9 and found["tongue"]["pixels"] == 9 and holds(found["tongue"])
    with pytest.raises(InputError, match=r"velocities.points.far: expected x from 0 to 360 and y from 0 to 240, found"):
        rows(path, **{"velocities.points": {"far": [9e9, 0]}})
    with pytest.raises(InputError, match=r"expected pixels in the window \[1.0, 1.0, 2.0, 2.0\], found none"):
        rows(path, **{"velocities.window": [1, 1, 2, 2]})


def test_speeds_alone_are_taken_with_a_word_on_what_noise_makes_of_them(write):
    made = table().query("glacier == 'A'").assign(v=lambda part: np.hypot(part.vx, part.vy), v_error=8.0).drop(columns=["vx", "vy"])
    row = rows(write(made))["A"]
    assert row["seasonal"] and row["vx"] is None and row["told"][-1].startswith("only speeds are given")
    assert row["told"][-1].endswith("their mean is about 0.4 m/yr too high")  # σ²/2v = 64/160


def test_errors_of_zero_or_none_are_none(write):
    known = rows(write(table(v_error=np.where(np.arange(120) % 4, 2.0, 0.0))))["A"]
    assert known["observations"] == 90 and known["without_error"] == 30 and holds(known)
    rare = rows(write(table(v_error=np.where(np.arange(120) % 4, np.nan, 2.0)), "rare.csv"))["A"]
    assert rare["observations"] == 120 and rare["told"] == ["25 % of the looks have an error: all count alike"] and holds(rare)


def test_a_surge_stands_apart_from_the_season(write):
    made = table()
    inside = (made.date >= "2015-03-01") & (made.date < "2016-09-01")
    made.loc[inside, ["vx", "vy"]] *= 8
    row = rows(write(made))["A"]
    assert [(event["onset"][:7], event["end"][:7]) for event in row["surges"]] == [("2015-03", "2016-09")]
    assert row["in_surges"] >= 18 and row["amplitude"] == pytest.approx(12, abs=1.5) and row["mean"] == pytest.approx(80, abs=2)


def test_pixels_have_the_season_outside_a_surge(write):
    made = series()
    inside = (made.time >= np.datetime64("2015-03-01")) & (made.time < np.datetime64("2016-09-01"))
    scale = xr.where(inside, 8.0, 1.0)
    for name in ("vx", "vy"):
        made[name] = (made[name] * scale).transpose("time", "y", "x").astype("float32").assign_attrs(made[name].attrs)
    motion = exploring_velocities.read(write(made), ExploreConfig()).motion
    np.testing.assert_allclose(motion.along.amplitude, 12, atol=1.5)
    np.testing.assert_allclose(motion.along.peak_day, 150, atol=8)
    assert motion.sure.all()


def test_the_command_writes_figures_json_and_page_and_refuses_another_run(write, tmp_path):
    path = write(table())
    command = ["explore", str(path), "--out", str(tmp_path / "run")]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0 and "made.csv: 120 dates, 2010-01-16 … 2019-12-16, 2 places" in told.stdout
    result = json.loads((tmp_path / "run" / "exploration.json").read_text(encoding="utf-8"))
    assert result["velocity"]["made.csv"]["zones"][0]["amplitude"] == pytest.approx(12, abs=1)
    assert result["velocity"]["made.csv"]["coverage"]["months_without"] == []
    assert [one["name"] for one in result["figures"]] == [f"{kind}-made-csv" for kind in ("series", "cycle", "looks")]
    page = (tmp_path / "run" / "exploration.html").read_text(encoding="utf-8")
    assert page.count("<img") == 3 and "no direction of flow" in page and "<script" not in page
    with pytest.raises(RunFolderError):
        workflow.explore(write(table(noise=2.0)), tmp_path / "run")
    assert CliRunner().invoke(app, command).exit_code == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: series(units="m/d"), "made.nc/vx: expected units of metres a year such as 'm/yr', found 'm/d'"),
        (lambda: series(units=""), "found None; 'velocities.units' sets them"),
        (lambda: xr.where(series() > 1e9, series(), np.nan, keep_attrs=True), "expected velocities, found nothing but missing values"),
        (lambda: series().isel(time=[0, 1]), "expected 3 velocities or more at a place, found 2"),
        (lambda: series().rename(vx="a", vy="b"), "expected velocities ('vx' and 'vy', or 'v'; 'velocities.vx' names them), found"),
        (lambda: series().drop_vars("time"), "expected times ('mid_date', 'time', or the dates of both images), found none"),
        (lambda: series().isel(time=slice(4)).assign_coords(time=STEPS[[0, 3, 4, 9]] + pd.Timedelta("3D")), "found neither; 'velocities"),
        (lambda: table().iloc[:2], "expected 3 velocities or more at a place, found 2"),
        (lambda: table()[["date", "glacier"]], "expected velocities ('vx' and 'vy', or 'v'"),
        (lambda: table().assign(vx=np.nan, vy=np.nan), "found nothing but empty cells"),
        (lambda: table().assign(vx=np.nan), "expected 3 velocities or more at a place, found 0"),
        (lambda: table().assign(date="spring"), "line 2: expected a date such as 2020-05-01 as 'date', found 'spring'"),
        (lambda: table().assign(vx="fast"), "line 2: expected a number as 'vx', found 'fast'"),
        (lambda: table().iloc[:0], "expected at least one line, found none"),
        (lambda: table().assign(date1="2020-02-01", date2="2020-01-01"), "line 2: expected 'date1' before 'date2'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(write, tmp_path, make, message):
    told = CliRunner().invoke(app, ["explore", str(write(make())), "--out", str(tmp_path / "run")])
    assert told.exit_code == 2 and message in told.stderr and told.stderr.strip().count("\n") == 0
    assert not (tmp_path / "run").exists()


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "text.nc").write_text("velocity", encoding="utf-8")
    (tmp_path / "page.pdf").write_text("velocity", encoding="utf-8")
    for name, message in (
        ("absent.nc", "no such file or folder"),
        ("text.nc", "cannot be read as NetCDF"),
        ("page.pdf", "expected a cube, or"),
    ):
        told = CliRunner().invoke(app, ["explore", str(tmp_path / name), "--out", str(tmp_path / "run")])
        assert told.exit_code == 2 and message in told.stderr


@pytest.fixture(scope="module")
def quarterly(real_data):
    return real_data(TABLE)


def test_the_real_table_has_the_seasons_that_plain_least_squares_finds(quarterly):
    """Along the flow that is told, weighted means of quarters by numpy alone: same amplitude and day, to a percent and a day."""
    found, lines = rows(quarterly, **{"velocities.clean": False}), pd.read_csv(quarterly, parse_dates=["mid_date"])
    assert len(found) == 14
    for name in ("RGI2000-v7.0-G-15-11631", "RGI2000-v7.0-G-15-11985", "RGI2000-v7.0-G-15-15966"):
        row, part = found[name], lines[lines.RGIId == name].dropna(subset="v_error")
        quarter = part.mid_date.dt.to_period("Q")
        first, second = quarter.dt.start_time.to_numpy(), (quarter + 1).dt.start_time.to_numpy()
        flow = np.array([row["vx"], row["vy"]]) / np.hypot(row["vx"], row["vy"])
        middle = (year_of(first) + year_of(second)) / 2
        columns = [np.ones(len(part)), middle - middle.mean(), between(first, second, 1.0, 0.0), between(first, second, 1.0, YEAR / 4)]
        weight = 1 / part.v_error.to_numpy()
        fit = np.linalg.lstsq(np.stack(columns, 1) * weight[:, None], (part[["vx", "vy"]].to_numpy() @ flow) * weight, rcond=None)[0]
        assert row["amplitude"] == pytest.approx(np.hypot(fit[2], fit[3]), rel=0.01)
        assert row["peak_day"] == pytest.approx(np.arctan2(fit[3], fit[2]) % (2 * np.pi) * YEAR / (2 * np.pi), abs=1)
        assert row["observations"] == len(part)


def test_the_real_seasons_are_of_winters_in_which_the_errors_are_large(quarterly):
    found = rows(quarterly)
    sure = [row for row in found.values() if row["seasonal"]]
    assert 5 <= len(sure) <= 9 and all(min(row["peak_day"], YEAR - row["peak_day"]) < 45 for row in sure)
    assert sum((row["error_season"] or 0) > 4 for row in sure) >= 4
    assert not any(row["surges"] for row in found.values())
    assert found["RGI2000-v7.0-G-15-11995"]["told"] == ["0 % of the looks have an error: all count alike"]


def test_quarters_span_every_month_and_one_that_is_missing_leaves_three(quarterly, write):
    lines = pd.read_csv(quarterly)
    path = write(lines[lines.mid_date != "2003-06-30"])
    told = velocities.describe(exploring_velocities.read(path, ExploreConfig()), ExploreConfig())[0]
    assert told["coverage"]["months_without"] == ["2003-04", "2003-05", "2003-06"] and told["coverage"]["seen"] == 153


def test_lowell_surges_on_the_published_dates_and_not_in_the_springs_before(real_data):
    (row,) = rows(real_data(LOWELL)).values()
    (event,) = row["surges"]
    assert (event["onset"], event["peak"]) == ("2020-05-11", "2022-06-20") and event["peak_speed"] == pytest.approx(4190, abs=1)
    assert event["end"] is None and event["quiet_speed"] == pytest.approx(40, abs=1)
    assert row["observations"] + row["in_surges"] == 709 and not row["seasonal"]
    spring = next(peak for peak in row["yearly_peaks"] if peak["year"] == 2014)
    assert spring["date"][:7] == "2014-05" and spring["speed"] > 6 * 40 * 0.9  # six times the quiet speed, and no surge
    assert row["told"] == ["no errors are given: all looks count alike"]


@pytest.mark.slow
def test_real_pairs_short_ones_are_faster_than_all_over_the_same_pixels(real_data):
    """Over the same pixels the short pairs' mean is 1.5 times that of all or more, and neither has a surge."""
    settings = workflow.read_explore_config({"velocities.max_span_days": 1000})
    found = exploring_velocities.read(real_data(PAIRS), settings)
    place = found.places[0]
    short = place.second - place.first <= np.timedelta64(128, "D")
    parts = {key: getattr(place, key)[short] for key in ("first", "second", "values", "error", "looked")}
    every, part = (velocities.tell(one, True, False, settings).row for one in (place, dataclasses.replace(place, **parts)))
    assert every["mean"] == pytest.approx(7.3, abs=0.5) and part["mean"] > 1.5 * every["mean"]
    assert 280 < part["peak_day"] < 330 and every["surges"] == part["surges"] == []


def test_a_default_config_has_the_velocities():
    assert ExploreConfig().velocities.max_span_days == 128
