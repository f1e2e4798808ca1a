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
