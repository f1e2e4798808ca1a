"""``glaciercast hazard verify`` from a folder of tables to a page, resumable and never overwriting."""

from __future__ import annotations

import json

import pytest
from tests.hazard import made_outlooks
from typer.testing import CliRunner

from glaciercast import progress, workflow
from glaciercast.errors import InputError
from glaciercast.hazard import records


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    lakes = made_outlooks.made(lakes=6, years=4, seed=2)
    place = tmp_path_factory.mktemp("lakes")
    records.write(lakes.records, place)
    lakes.truth.to_csv(place / "truth.csv", index=False, date_format="%Y-%m-%dT%H:%M:%S")
    return place


def call(*arguments):
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    progress.show(False)
    return result


OPTIONS = (
    "--models",
    "base_rate",
    "--horizons",
    "30",
    "--protocol",
    "lakes",
    "--cost-ratio",
    "0.1",
    "--set",
    "features.every_days=28",
)


def test_the_command_writes_json_page_and_figures_and_never_twice(folder, tmp_path):
    out = tmp_path / "run"
    result = call("hazard", "verify", folder, *OPTIONS, "--out", out, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert [(cell["protocol"], cell["model"]) for cell in told["cells"]] == [("lakes", "season"), ("lakes", "base_rate")]
    assert json.loads((out / "verification.json").read_text())["cells"] == told["cells"]
    assert told["cells"][0]["known"]["samples"] > 0
    assert (out / "verification.html").is_file()
    again = call("hazard", "verify", folder, *OPTIONS, "--out", out)
    assert again.exit_code == 2
    assert "holds a finished 'hazard verify' run" in again.stderr


@pytest.mark.slow
def test_a_stopped_run_goes_on_and_another_folder_of_tables_does_not(folder, tmp_path, monkeypatch):
    from glaciercast.report import verification

    def stopped(*arguments):
        raise InputError("stopped here")

    settings = workflow.read_verify_config({"cost_ratio": 0.1, "features.every_days": 28})
    with monkeypatch.context() as patched:
        patched.setattr(verification, "write_page", stopped)
        with pytest.raises(InputError, match="stopped here"):
            workflow.verify_outlook(folder, tmp_path / "run", ["base_rate"], [30], ["lakes"], settings)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run" / "cells").iterdir()}
    assert set(kept) == {"lakes-30-season.npz", "lakes-30-base_rate.npz"}
    changed = tmp_path / "changed"
    found = records.read(folder)
    records.write(found.of_lakes(found.lakes["lake"].to_list()[:-1]), changed)
    with pytest.raises(InputError, match="unfinished run with another config"):
        workflow.verify_outlook(changed, tmp_path / "run", ["base_rate"], [30], ["lakes"], settings)
    workflow.verify_outlook(folder, tmp_path / "run", ["base_rate"], [30], ["lakes"], settings)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run" / "cells").iterdir()} == kept


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (("--models", "oracle"), "oracle"),
        (("--protocol", "random"), "random"),
        (("--horizons", "30,soon"), "--horizons: expected whole numbers of days, 1 or more, found 'soon'"),
        (("--models", ","), "expected at least one model, found none"),
        (("--set", "feature.every_days=3"), "feature"),
        (("--cost-ratio", "2"), "cost_ratio"),
    ],
)
def test_wrong_options_get_one_line_and_leave_nothing(folder, tmp_path, changed, line):
    result = call("hazard", "verify", folder, *OPTIONS, *changed, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert line in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_truth_without_its_columns_is_refused(folder, tmp_path):
    found = records.read(folder)
    records.write(found, tmp_path / "lakes")
    (tmp_path / "lakes" / "truth.csv").write_text("lake,chance_30\na,0.1\n")
    result = call("hazard", "verify", tmp_path / "lakes", *OPTIONS, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert "truth.csv: expected a table of known chances" in result.stderr
