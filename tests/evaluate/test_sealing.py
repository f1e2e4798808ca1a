"""Each look at a test part leaves a line, and the results say how many there were."""

import json

import pytest

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate import sealing

KEY = {"data": "d1", "split": {"kind": "time", "parts": {"test": [30, 40]}}, "config": "c1", "code": "g1", "models": ["unet_time"]}


@pytest.fixture
def cube(tmp_path):
    (tmp_path / "cube.zarr").mkdir()
    (tmp_path / "cube.zarr" / "zarr.json").write_text("{}", encoding="utf-8")
    return tmp_path / "cube.zarr"


def test_other_windows_fractions_and_kinds_of_split_do_not_make_an_opened_part_new(cube):
    def opened(kind, first, stop, data="d1"):
        return sealing.open(cube, {**KEY, "data": data, "split": {"kind": kind, "parts": {"test": [first, stop]}}}).count

    assert [opened("time", 30, 40), opened("time", 31, 40), opened("both", 30, 40), opened("published", 5, 40)] == [1, 2, 3, 4]
    assert opened("time", 20, 30) == 2  # it shares steps with the published one alone
    assert opened("time", 29, 31) == 5 and opened("time", 2, 5) == 1
    assert opened("time", 30, 40, data="d2") == 1


def test_openings_of_the_same_part_are_counted_and_others_are_not(cube):
    assert not sealing.log_of(cube).exists()
    assert sealing.open(cube, KEY).count == 1
    assert sealing.open(cube, {**KEY, "config": "c2", "code": "g2", "models": ["vit"]}).count == 2
    assert sealing.open(cube, {**KEY, "data": "d2"}).count == 1
    opening = sealing.open(cube, KEY)
    assert opening.count == 3 and opening.log_path == cube.with_name("cube.zarr.openings.jsonl")
    lines = [json.loads(line) for line in opening.log_path.read_text(encoding="utf-8").splitlines()]
    assert [line["models"] for line in lines[:2]] == [["unet_time"], ["vit"]] and {*lines[0]} == {"time", "before", *KEY}
    assert "opened 3 times (cube.zarr.openings.jsonl)" in opening.sentence


def test_a_line_that_is_taken_out_or_changed_is_found_out(cube):
    for config in ("c1", "c2", "c3"):
        sealing.open(cube, {**KEY, "config": config})
    log = sealing.log_of(cube)
    lines = log.read_text(encoding="utf-8").splitlines()
    for broken, line in (([lines[0], lines[2]], 2), ([lines[0].replace("c1", "c9"), *lines[1:]], 2), (lines[1:], 1), (["{}"], 1)):
        log.write_text("\n".join(broken) + "\n", encoding="utf-8")
        with pytest.raises(InputError, match=f"line {line} does not follow the one before; the log of openings was changed"):
            sealing.open(cube, KEY)


def test_what_cannot_be_logged_is_not_opened(cube):
    with pytest.raises(InputError, match="expected data, split, config, code, models, found no 'code'"):
        sealing.open(cube, {key: value for key, value in KEY.items() if key != "code"})
    sealing.log_of(cube).mkdir()
    with pytest.raises(GlaciercastError, match="cannot be written: Is a directory; the test part stays sealed"):
        sealing.open(cube, KEY)
