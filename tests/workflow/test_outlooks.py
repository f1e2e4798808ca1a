"""An outlook from a folder of tables, and the run folder that it is written to."""

import json

import pytest
from tests.hazard import made_samples

from glaciercast import workflow
from glaciercast.errors import ConfigError, InputError
from glaciercast.hazard import records

DAY = "2014-06-15"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("records")
    records.write(made_samples.made(4, 5, rate=0.8).records, place)
    return place


@pytest.fixture(scope="module")
def settings():
    return workflow.read_issue_config({"model": "dates", "horizons": [30], "cost_ratio": 0.1, "features.every_days": 14})


def test_it_writes_what_it_returns_with_a_figure(folder, settings, tmp_path):
    found = workflow.outlook(folder, DAY, settings=settings, out=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "outlook.json").read_text()) == found
    assert (tmp_path / "run" / "outlook.png").stat().st_size > 5000
    assert len(found["lakes"]) == 4


def test_a_finished_run_stays_as_it_is(folder, settings, tmp_path):
    workflow.outlook(folder, DAY, settings=settings, out=tmp_path / "run")
    before = (tmp_path / "run" / "outlook.json").read_bytes()
    with pytest.raises(InputError, match="holds a finished run already"):
        workflow.outlook(folder, DAY, settings=settings, out=tmp_path / "run")
    assert (tmp_path / "run" / "outlook.json").read_bytes() == before


def test_a_refused_outlook_leaves_no_folder(folder, settings, tmp_path):
    with pytest.raises(InputError, match="outside of the watch"):
        workflow.outlook(folder, "1999-01-01", settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_setting_is_refused():
    with pytest.raises(ConfigError, match=r"outlook: unknown key 'modle' \(did you mean 'model'\?\)"):
        workflow.read_issue_config({"modle": "season"})
