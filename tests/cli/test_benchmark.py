"""``glaciercast benchmark`` with several sites and seeds: what is refused, before anything is read."""

import pytest
from tests.cli.test_cli import call, refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("A", "--seeds", "1,x"), "--seeds 1,x: expected whole numbers, such as 0,1,2"),
        (("A", "--seeds", "-1,2"), "--seeds -1,2: expected 0 or more"),
        (("A", "B", "--seeds", "1,1"), "A: expected a cube"),
        (("parvati", "aletsch"), "parvati: expected its cube in runs/parvati, found none: 'glaciercast build parvati --out runs/parvati'"),
        (("A", "--split", "tyme"), "key 'windows.split'"),
    ],
)
def test_what_cannot_be_compared_is_one_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    refused(call("benchmark", *arguments, "--out", tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_several_seeds_and_a_sealed_part_are_told(scenes, tmp_path):
    scenes.add_months(40)
    assert call("build", scenes.save(), "--out", tmp_path / "run").returncode == 0
    assert call("align", tmp_path / "run").returncode == 0
    keys = (
        "windows.patch=8",
        "windows.stride=8",
        "windows.n_input=2",
        "windows.n_target=1",
        "windows.fractions=[0.5,0.2,0.3]",
        "training.epochs=1",
    )
    options = [word for key in keys for word in ("--set", key)]
    result = call(
        "benchmark", tmp_path / "run", "--models", "pixel_linear+climatology", "--seeds", "0,1", "--out", tmp_path / "grid", *options
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert any(line.startswith("pixel_linear+climatology") for line in lines)
    assert "run: The test part is sealed and was not opened for this table." in lines
    assert lines[-1].startswith("Scored on the validation part. The validation part is for choosing")
    assert sorted(path.name for path in (tmp_path / "grid" / "run" / "cells").glob("pixel*")) == [
        f"pixel_linear+climatology.seed-{seed}.validation.json" for seed in (0, 1)
    ]
