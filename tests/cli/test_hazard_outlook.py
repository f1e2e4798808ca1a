"""``glaciercast hazard outlook`` as a user meets it."""

import json

import pytest
from tests.hazard import made_samples
from typer.testing import CliRunner

from glaciercast.hazard import records

QUICK = ("--model", "dates", "--horizons", "7,30", "--set", "features.every_days=28")


def call(*arguments):
    from glaciercast import progress
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, ["hazard", "outlook", *map(str, arguments)], env={"COLUMNS": "200"})
    progress.show(False)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("records")
    records.write(made_samples.made(3, 5, rate=0.8).records, place)
    return place


def test_it_prints_each_lake_with_chance_interval_and_season(folder):
    result = call(folder, "--issue", "2014-06-15", *QUICK)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("Outlook issued 2014-06-15 (0:00 UTC), model dates:")
    assert any(line.startswith("lake 00 (") and "past flood" in line for line in lines)
    assert sum(line.startswith("   30 days") and "season" in line and "(95 %:" in line for line in lines) == 3
    assert "ALERT" not in result.output.replace("No alert", "")


def test_alerts_are_printed_with_a_cost_ratio_and_json_holds_the_same(folder):
    result = call(folder, "--issue", "2014-06-15", *QUICK, "--cost-ratio", "0.01", "--lake", "lake 01", "--json")
    (lake,) = json.loads(result.stdout)["lakes"]
    text = call(folder, "--issue", "2014-06-15", *QUICK, "--cost-ratio", "0.01", "--lake", "lake 01").output
    assert lake["outlook"][1]["alert"] is (lake["outlook"][1]["chance"] >= 0.01)
    assert text.count("  ALERT") == sum(row["alert"] for row in lake["outlook"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--issue", "1999-01-01"), "day of issue 1999-01-01 lies outside of the watch"),
        (("--issue", "2014-06-15", "--horizons", "a week"), "--horizons a week: expected whole days"),
        (("--issue", "2014-06-15", "--cost-ratio", "3"), "cost ratio: expected"),
        (("--issue", "2014-06-15", "--require", "temperature"), "can't be said to rest on temperature"),
        (("--issue", "2014-06-15", "--lake", "lake 99"), "unknown lake 'lake 99'"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_exit_code_2(folder, change, message):
    result = call(folder, *QUICK, *change)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_folder_that_is_none_is_told(tmp_path):
    result = call(tmp_path / "nowhere", "--issue", "2014-06-15", *QUICK)
    assert (result.exit_code, "no such folder" in result.output) == (2, True)
