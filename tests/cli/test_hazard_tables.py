from __future__ import annotations

from typer.testing import CliRunner

from glaciercast.cli.main import app


def test_a_point_that_is_none_is_one_line(tmp_path):
    done = CliRunner().invoke(app, ["hazard", "tables", str(tmp_path), "--at", "74.5", "--out", str(tmp_path / "a")])
    assert done.exit_code == 2
    assert done.stderr == "glaciercast: --at 74.5: expected two numbers, lon,lat\n"


def test_what_is_no_cube_is_one_line(tmp_path):
    done = CliRunner().invoke(app, ["hazard", "tables", str(tmp_path / "none"), "--at", "74.5,36.4", "--out", str(tmp_path / "a")])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_tables_join_no_other_run_and_no_other_lake(tmp_path):
    for name, command in (("explored", "explore"), ("lakes", "hazard lakes")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(f'{{"command": "{command}", "status": "complete"}}')
    (tmp_path / "lakes" / "lakes.csv").write_text("lake,lon,lat\nShisper,74.5,36.4\n")
    words = {"explored": "holds a 'explore' run", "lakes": "--name lake: is none of the lakes in"}
    for name, expected in words.items():
        held = sorted(path.name for path in (tmp_path / name).iterdir())
        done = CliRunner().invoke(app, ["hazard", "tables", str(tmp_path), "--at", "74.5,36.4", "--out", str(tmp_path / name)])
        assert done.exit_code == 2 and done.stderr.count("\n") == 1
        assert expected in done.stderr
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == held
