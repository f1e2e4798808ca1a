from __future__ import annotations

import json

from typer.testing import CliRunner

from glaciercast.cli.main import app


def test_counts_floods_and_names_the_files(tmp_path):
    options = ["--lakes", "2", "--years", "2", "--set", "seen.images=0", "--seed", "3"]
    done = CliRunner().invoke(app, ["hazard", "simulate", *options, "--out", str(tmp_path / "a"), "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["lakes"] == 2
    text = CliRunner().invoke(app, ["hazard", "simulate", *options, "--out", str(tmp_path / "b")])
    assert text.exit_code == 0
    assert f"{result['floods']} floods in {result['lake_years_with_floods']} lake-years" in text.stdout
    assert (tmp_path / "b" / "truth.csv").read_bytes() == (tmp_path / "a" / "truth.csv").read_bytes()


def test_an_unknown_mode_is_one_line(tmp_path):
    done = CliRunner().invoke(app, ["hazard", "simulate", "--mode", "sesason", "--out", str(tmp_path / "a")])
    assert done.exit_code == 2
    assert "'mode'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "a").exists()
