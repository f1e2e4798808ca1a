"""A run folder is resumed by the same command, never overwritten and never shared."""

import json

import pytest

from glaciercast import config, runs
from glaciercast.errors import RunFolderError


class Settings(config.Config):
    value: int = 1


def test_a_finished_run_is_never_overwritten(tmp_path):
    with runs.run_folder(tmp_path / "run", "build", Settings()) as folder:
        (folder / "result").write_text("kept")
    with (
        pytest.raises(RunFolderError, match=r"holds a finished 'build' run; choose another --out"),
        runs.run_folder(folder, "build", Settings()),
    ):
        pass
    assert (folder / "result").read_text() == "kept"


def test_an_unfinished_run_is_taken_up_by_the_same_settings_only(tmp_path):
    with pytest.raises(ZeroDivisionError), runs.run_folder(tmp_path / "run", "build", Settings()) as folder:
        (folder / "models").mkdir()
        raise ZeroDivisionError
    started = json.loads((folder / "run.json").read_text())["started"]
    with pytest.raises(RunFolderError, match="another config digest"), runs.run_folder(folder, "build", Settings(value=2)):
        pass
    with pytest.raises(RunFolderError, match="another command"), runs.run_folder(folder, "train", Settings()):
        pass
    with runs.run_folder(folder, "build", Settings()):
        pass
    state = json.loads((folder / "run.json").read_text())
    assert state["status"] == "complete" and state["started"] == started


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(RunFolderError, match="is not a run folder"), runs.run_folder(tmp_path, "build", Settings()):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"thesis.tex"}


def test_two_processes_cannot_write_one_folder(tmp_path):
    with (
        runs.run_folder(tmp_path / "run", "build", Settings()) as folder,
        pytest.raises(RunFolderError, match="another process"),
        runs.run_folder(folder, "build", Settings()),
    ):
        pass


def test_unused_skips_finished_runs(tmp_path):
    base = tmp_path / "demo"
    assert runs.unused(base) == base
    for name in ("demo", "demo-2"):
        with runs.run_folder(tmp_path / name, "demo", Settings()):
            pass
    assert runs.unused(base) == tmp_path / "demo-3"


def test_provenance_holds_versions_and_no_environment(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setattr("sys.argv", ["/usr/bin/glaciercast", "--token", "hunter2"])
    made = runs.provenance()
    assert "hunter2" not in json.dumps(made)
    assert made["packages"]["numpy"] == __import__("numpy").__version__
    assert made["program"] == "glaciercast"


def test_a_run_that_was_refused_before_it_made_anything_leaves_its_folder_free(tmp_path):
    with pytest.raises(ZeroDivisionError), runs.run_folder(tmp_path / "run", "build", Settings()) as folder:
        raise ZeroDivisionError
    with runs.run_folder(folder, "train", Settings(value=2)):
        pass
    assert json.loads((folder / "run.json").read_text())["command"] == "train"


def test_a_run_killed_before_its_state_was_written_is_no_foreign_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".lock").touch()
    (folder / "config.yml").write_text("value: 1\n")
    with runs.run_folder(folder, "build", Settings()):
        pass
    assert runs.is_complete(folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.yml").write_text("a user's own")
    with pytest.raises(RunFolderError, match="not a run folder"), runs.run_folder(tmp_path / "mine", "build", Settings()):
        pass
