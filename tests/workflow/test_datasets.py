"""``glaciercast export --format dataset``: from the command line, of several glaciers, and trained on by someone else's loop."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
import zarr
from tests.dataset import made
from typer.testing import CliRunner

from glaciercast import runs
from glaciercast.cli import export
from glaciercast.errors import InputError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plain_torch.py"
OPTIONS = ["--set", "n_input=3", "--set", "n_target=2", "--set", "patch=8"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return made.cube(tmp_path_factory.mktemp("cubes"), variables=("ndsi", "vx"))


def call(*arguments):
    app = typer.Typer()
    app.command()(export.command)
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_the_command_writes_what_settings_and_options_say(home, tmp_path):
    (tmp_path / "set.yml").write_text("forms: [tar]\nn_input: 5\nsplit: time\n")
    arguments = [home, "--out", tmp_path / "set", "--format", "dataset", "--variable", "ndsi", "--config", tmp_path / "set.yml", *OPTIONS]
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["variables"] == ["ndsi"] and told["forms"] == ["tar"] and told["split"]["gap_steps"] == 3 + 2 - 1 + 1
    assert min(told["windows"].values()) > 0 and not told["kept"]
    again = call(*arguments)
    assert again.exit_code == 0 and "all there already, checksums compared" in again.stdout and "datasheet.md" in again.stdout


def test_what_does_not_go_together_is_said_in_one_line(home, tmp_path):
    for arguments, text in (
        ([home, "--format", "dataset", "--group", "/terrain", "--from", "2016-01-01"], "found --group, --from"),
        ([home, home, "--format", "netcdf"], "--format netcdf: takes one cube and no settings, found several cubes"),
        ([home, "--set", "patch=8"], "--format cog: takes one cube and no settings, found --config or --set"),
        ([home, "--format", "dataset", "--set", "patches=8"], "unknown key 'patches' (did you mean 'patch'?)"),
        ([home, home, "--format", "dataset"], "is named 'home', as"),
        ([home, "--format", "tfrecord"], "unknown format 'tfrecord'; known: cog, dataset, netcdf"),
        ([home, "--format", "dataset", *OPTIONS, "--set", "n_input=12"], "or --set variables=[ndsi]"),
    ):
        result = call(*arguments, "--out", tmp_path / "set")
        assert result.exit_code == 2 and text in result.stderr and result.stderr.count("\n") == 1, result.stderr
    assert list(tmp_path.iterdir()) == []


def test_someone_elses_loop_is_short_and_imports_nothing_of_ours():
    text = EXAMPLE.read_text(encoding="utf-8").split('"""', 2)[2]
    lines = [line for line in text.splitlines() if line.strip()]
    imports = [line for line in lines if re.match(r"(import|from) ", line)]
    assert len(lines) - len(imports) <= 20 and "glaciercast" not in text


@pytest.mark.slow
def test_someone_elses_loop_trains_on_an_exported_set(tmp_path):
    """NDSI that repeats each year can be foreseen from the season's past; the error falls far below the spread."""
    home = made.cube(tmp_path, months=48, variables=("ndsi",), repeats=True)
    made.exported(home, tmp_path / "set", variables=("ndsi",))
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    result = subprocess.run([sys.executable, EXAMPLE, tmp_path / "set"], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    first, last = (
        float(re.search(r"([\d.]+) in the test part", line)[1]) for line in (result.stdout.splitlines()[0], result.stdout.splitlines()[-1])
    )
    assert last < 0.3 and last < first


@pytest.mark.slow
def test_one_glacier_is_left_out_and_tested_after_all_others_were_trained_on(tmp_path):
    cubes = [
        made.cube(tmp_path, name, months=40, seed=seed, east=499980.0 + 9990 * seed, variables=("ndsi",)) for seed, name in enumerate("abc")
    ]
    told = made.exported(cubes, tmp_path / "set", split="glacier", left_out="b", variables=("ndsi",))
    about = runs.read_json(tmp_path / "set" / "dataset.json")
    assert told["split"]["left_out"] == "b" and set(told["cubes"]) == set("abc")
    assert {part: set(one["by_cube"]) for part, one in about["parts"].items()} == {
        "train": {"a", "c"},
        "validation": {"a", "c"},
        "test": {"b"},
    }
    months = {}
    for part in about["parts"]:
        group = zarr.open_group(tmp_path / "set" / "windows.zarr", path=part, mode="r")
        months[part] = group["target_time"][...].astype("M8[s]").astype("M8[M]")
        assert set(np.unique(group["cube"][...])) == ({1} if part == "test" else {0, 2})
    assert months["test"].min() - months["validation"].max() > np.timedelta64(told["split"]["gap_steps"], "M")
    # statistics know the others' training months alone
    values, seen = zip(*(made.values("ndsi", 40, (20, 24), seed) for seed in (0, 2)), strict=True)
    until = int((np.datetime64(about["parts"]["train"]["targets_to"], "M") - np.datetime64("2015-01", "M")).astype(int))
    weight = np.concatenate([np.where(np.isnan(one[:until]), 0, part[:until]) for one, part in zip(values, seen, strict=True)])
    mean = (np.concatenate([np.nan_to_num(one[:until]) for one in values]) * weight).sum() / weight.sum()
    assert about["mean"] == pytest.approx([mean], rel=1e-4)
    with pytest.raises(InputError, match=r"split=time: expected one cube, found 3; several are kept apart by --set split=glacier"):
        made.exported(cubes, tmp_path / "other", split="time")
    with pytest.raises(InputError, match="the cubes of a and d show the same ground"):
        made.exported([cubes[0], made.cube(tmp_path, "d", months=40, variables=("ndsi",))], tmp_path / "other", split="glacier")
