"""The files of a grid's cells: taken for the same data, code and config alone, and never without being checked."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.evaluate import gridded

import glaciercast
from glaciercast.errors import ConfigError, RunFolderError
from glaciercast.evaluate import cells

ERRORS = np.array([[0.1, 0.2], [0.3, -0.4], [0.0, 0.5]])


@pytest.fixture
def kept(tmp_path):
    cell = gridded.cell(ERRORS)
    return cells.write(tmp_path / "cell.json", cell), tmp_path / "cell.json"


def test_a_cell_comes_back_with_its_sums(kept):
    cell, path = kept
    found = cells.read(path, cell.key)
    assert found == cell and found.result.errors.mse() == pytest.approx((ERRORS**2).mean())
    assert found.result.errors.mae(1) == pytest.approx(np.abs(ERRORS[:, 1]).mean())


@pytest.mark.parametrize("change", [{"data": "b"}, {"code": "1+1"}, {"config": {"model": "lstm"}}, {"part": "validation"}])
def test_a_cell_of_other_data_code_config_or_part_is_not_taken(kept, change):
    cell, path = kept
    assert cells.read(path, cell.key.model_copy(update=change)) is None


def test_a_cell_that_is_missing_or_of_another_schema_is_not_taken(kept, tmp_path):
    cell, path = kept
    assert cells.read(tmp_path / "none.json", cell.key) is None
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": cells.SCHEMA + 1}))
    assert cells.read(path, cell.key) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"issues": [20, 21]}, r"scores: expected a row for each of the 2 windows, found 3"),
        ({"key": {"data": "other", "code": "1+0", "config": {}, "part": "test"}}, r"digest: is not that of the key"),
        ({"scores": {}}, r"scores: expected the sums of errors, found none that can be read"),
        ({"colour": 1}, r"unknown key 'colour'"),
        ({"gap": -1}, r"key 'gap'"),
    ],
)
def test_a_file_that_does_not_fit_the_schema_is_refused_in_one_line(kept, change, message):
    cell, path = kept
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=message):
        cells.read(path, cell.key)


def test_a_file_cut_short_is_named(kept):
    cell, path = kept
    path.write_text(path.read_text()[:100])
    with pytest.raises(RunFolderError, match=r"cell\.json: cannot be read as JSON"):
        cells.read(path, cell.key)


def test_the_code_is_another_when_what_makes_scores_is_edited_and_the_same_when_a_figure_is(tmp_path, monkeypatch):
    copy = tmp_path / "glaciercast"
    shutil.copytree(Path(glaciercast.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__", "*.nb*"))
    monkeypatch.setattr(glaciercast, "__file__", str(copy / "__init__.py"))
    identity = cells.code_identity.__wrapped__
    before = identity()
    assert before == cells.code_identity() and before.startswith(glaciercast.__version__ + "+")
    (copy / "report" / "style.py").write_text("")
    assert identity() == before
    with (copy / "models" / "unet_time.py").open("a") as module:
        module.write("# one more line\n")
    assert identity() != before
