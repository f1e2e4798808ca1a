"""``glaciercast hazard events`` as a user meets it."""

import json

from typer.testing import CliRunner

from glaciercast.hazard import catalogue


def call(*arguments):
    """Run the command."""
    from glaciercast import progress
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, ["hazard", "events", *map(str, arguments)], env={"COLUMNS": "200"})
    progress.show(False)
    return result


def test_the_table_counts_the_real_catalogue(real_data):
    lines = call(real_data("hmaglofdb/HMAGLOFDB.csv")).stdout.splitlines()
    assert lines[0] == "HMAGLOFDB: 773 floods"
    assert lines[2].split() == ["lake", "floods", *"JFMAMJJASOND", "unknown"]
    assert lines[3].split() == ["ice", "237", *["0", "0", "1", "1", "12", "20", "38", "48", "27", "11", "4", "3", "72"]]
    assert lines[11].split()[:2] == ["all", "773"]
    assert "dated to a: day 335, month 61, season 2, year 194, years 33, unknown 148" in lines


def test_a_lake_tells_its_baselines_and_which_of_them_looks_ahead(real_data):
    path = real_data("hmaglofdb/HMAGLOFDB.csv")
    text = call(path, "--lake", "Shisper").stdout
    assert "Shisper: 4 floods known to the day" in text
    ahead = [line for line in text.splitlines() if line.endswith("looks ahead: no forecast")]
    assert [line.split("  ")[0] for line in ahead] == ["mean date of the other years"]
    found = json.loads(call(path, "--lake", "kyagar", "--from", "2015", "--json").stdout)
    assert found["dates"] == ["2015-07-15", "2016-07-17", "2016-08-11", "2017-08-10", "2018-08-10", "2019-07-25"]
    assert [(rule["mean_error_days"], rule["floods"]) for rule in found["baselines"]] == [(9.8, 5), (13.0, 5), (13.4, 6)]
    assert found["notes"] == []


def test_choices_are_written_as_a_table_that_is_read_again(real_data, tmp_path):
    out = tmp_path / "events.csv"
    arguments = (real_data("hmaglofdb/HMAGLOFDB.csv"), "--format", "hmaglofdb", "--type", "ice", "--from", "2000", "--to", "2010")
    found = json.loads(call(*arguments, "--out", out, "--json").stdout)
    assert (found["events"], found["by_type"], found["out"]) == (24, {"ice": 24}, str(out))
    assert len(catalogue.read(out).events) == 24


def test_a_mistake_is_one_line(tmp_path):
    result = call(tmp_path / "none.csv")
    assert (result.exit_code, result.stderr.strip()) == (2, f"glaciercast: {tmp_path / 'none.csv'}: no such file")
