"""The command line as a user meets it: exit codes, one line for what is wrong, JSON on standard output and nothing else."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

COMMANDS = (
    "align audit benchmark build demo export forecast models motion report run simulate sites train".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Result:
    returncode: int
    stdout: str
    stderr: str


def call(*arguments):
    """Run a command in this process."""
    from glaciercast import progress
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    progress.show(False)
    return Result(result.exit_code, result.stdout, result.stderr)


def process(*arguments):
    """Run a command in a process of its own, as a user does."""
    script = "from glaciercast.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, env=environment, check=False
    )


def refused(result, message, code=2):
    """Check that a call was refused in one clear line without a traceback."""
    assert result.returncode == code, result.stderr
    assert result.stdout == "" and "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("glaciercast: ") and message in lines[-1], result.stderr


def test_help_lists_every_command_and_imports_nothing_heavy():
    script = "import sys; sys.argv = ['glaciercast', '--help']\nfrom glaciercast.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    script += "print(sorted({'torch', 'lightning', 'dask', 'matplotlib', 'xarray', 'numba', 'pandas', 'numpy'} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert all(command in result.stdout for command in COMMANDS)
    assert result.stdout.strip().endswith("[]")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_and_json(command):
    extra = {"sites": ["list"], "plot": ["embeddings"]}.get(command, [])
    result = call(command, *extra, "--help")
    assert result.returncode == 0 and "--json" in result.stdout


def test_sites_as_json_and_as_text():
    assert [site["name"] for site in json.loads(call("sites", "list", "--json").stdout)["sites"]] == [
        "aletsch",
        "helheim",
        "jakobshavn",
        "parvati",
        "shisper",
    ]
    shown = json.loads(call("sites", "show", "shisper", "--json").stdout)
    assert shown["crs"] == "EPSG:32643" and shown["grid"].endswith("of 30×30 m in EPSG:32643")
    assert [site["name"] for site in json.loads(call("sites", "list", "--box", "7,46,9,47", "--json").stdout)["sites"]] == ["aletsch"]
    refused(call("sites", "show", "atlantis"), "unknown site 'atlantis'")
    refused(call("sites", "list", "--box", "7,46"), "box '7,46': expected four numbers")


def test_models_lists_baselines_and_networks():
    models = {model["name"]: model["kind"] for model in json.loads(call("models", "--json").stdout)["models"]}
    baselines = {"persistence", "same_season", "climatology", "damped_anomaly", "linear_trend", "advection", "harmonic", "season_shift"}
    assert {name for name, kind in models.items() if kind == "baseline"} == baselines
    assert {"lstm", "unet_time"} <= set(models)


@pytest.fixture
def built(scenes, tmp_path):
    scenes.add_months(6)
    result = process("build", scenes.save(), "--out", tmp_path / "run", "--json")
    assert result.returncode == 0, result.stderr
    return tmp_path / "run", json.loads(result.stdout)


def test_build_and_align_give_json_and_leave_a_run_folder(built):
    folder, summary = built
    assert summary["scenes"] == 6 and summary["grid"] == "16×16 pixels of 30×30 m in EPSG:32643"
    assert {"config.yml", "provenance.json", "run.json", "cube.zarr"} <= {path.name for path in folder.iterdir()}
    assert yaml.safe_load((folder / "config.yml").read_text())["bands"]["green"]["name"] == 1
    assert json.loads((folder / "run.json").read_text())["status"] == "complete"
    aligned = call("align", folder, "--json")
    assert aligned.returncode == 0 and json.loads(aligned.stdout)["steps"] == 6
    assert call("align", folder).stdout.strip().endswith("6 steps, 6 with scenes; observed: ndsi 100%")


def test_wrong_input_is_one_line_and_harms_nothing(built, scenes, tmp_path):
    folder, _ = built
    before = sorted((path.name, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    refused(call("build", scenes.recipe, "--out", folder), "holds a finished 'build' run; choose another --out")
    assert sorted((path.name, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before
    refused(call("build", tmp_path / "none.yml", "--out", tmp_path / "x"), "none.yml: cannot be read: No such file or directory")
    refused(call("build", scenes.save(colour=1), "--out", tmp_path / "x"), "unknown key 'colour'")
    refused(call("align", tmp_path / "nowhere"), "expected a cube")
    call("align", folder)
    refused(call("align", folder, "--cadence", "QS"), "was begun from other input or settings")
    refused(call("benchmark", folder, "--out", tmp_path / "b"), "the scene is 16×16 pixels, smaller than a patch of 50")
    refused(call("benchmark", folder, "--out", tmp_path / "b", "--set", "windows.patch=8"), "the series has 6 steps, fewer than the")
    refused(call("benchmark", folder, "--out", tmp_path / "b", "--models", "lstm,lstm"), "model 'lstm': is there twice")
    refused(call("train", folder, "persistence", "--out", tmp_path / "b"), "model 'persistence': is a baseline")
    refused(call("align", folder, "--cadence", "0D"), "expected a step forward in time")
    refused(
        call("benchmark", folder, "--out", tmp_path / "b", "--set", "windows.paatch=3"),
        "unknown key 'windows.paatch' (did you mean 'patch'?)",
    )
    refused(call("benchmark", folder, "--out", tmp_path / "b", "--set", "windows.patch"), "expected KEY=VALUE")
    refused(call("train", folder, "unet_time+yesterday", "--out", tmp_path / "b"), "model 'unet_time+yesterday'")
    refused(call("forecast", folder, tmp_path / "no-model", "--out", tmp_path / "f"), "no-model")
    refused(call("report", folder), "expected the run folder of a benchmark")


def test_all_cloud_and_no_crs_are_one_line(scenes, tmp_path):
    scenes.add("20200215", 0.5, np.zeros(scenes.shape, "uint16"))
    refused(call("build", scenes.save(), "--out", tmp_path / "a"), "none of the 1 scenes has a clear pixel")
    scenes.add("20200215", crs=None)
    refused(call("build", scenes.save(), "--out", tmp_path / "b"), "has no CRS")


def test_debug_shows_the_traceback(tmp_path):
    result = process("--debug", "align", tmp_path)
    assert result.returncode != 0 and "Traceback" in result.stderr and "InputError" in result.stderr


def test_wrong_usage_is_exit_code_two():
    assert call("build").returncode == 2
    assert call("nonsense").returncode == 2


def test_the_version():
    import glaciercast

    assert process("--version").stdout.strip() == glaciercast.__version__


def test_simulate_lists_its_scenarios():
    result = call("simulate", "--list", "--json")
    assert result.returncode == 0
    listed = json.loads(result.stdout)
    assert {"tiny", "small", "parvati-like", "aletsch-like", "shisper-like"} <= set(listed)
    assert listed["parvati-like"]["area"] == "800×800 pixels of 30 m"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tinny", "--out", "OUT"), "unknown scenario 'tinny' (did you mean 'tiny'?)"),
        (("tiny",), "--out is missing"),
        (("tiny", "--out", "OUT", "--seed", "-1"), "seed -1: expected 0 or more"),
        (("tiny", "--out", "OUT", "--workers", "0"), "workers 0: expected 1 or more"),
        (("OUT/none.yml", "--out", "OUT"), "none.yml: cannot be read"),
        (("OUT/wrong.yml", "--out", "OUT/new"), "unknown key 'optical.jiter' (did you mean 'jitter'?)"),
    ],
)
def test_simulate_refuses_in_one_line(tmp_path, arguments, message):
    from importlib import resources

    text = (resources.files("glaciercast.simulate") / "scenarios" / "tiny.yml").read_text(encoding="utf-8")
    (tmp_path / "wrong.yml").write_text(text.replace("jitter:", "jiter:"), encoding="utf-8")
    refused(call("simulate", *(argument.replace("OUT", str(tmp_path)) for argument in arguments)), message)
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yml"]
