from __future__ import annotations

import json

import pytest

from glaciercast import workflow
from glaciercast.errors import ConfigError, RunFolderError
from glaciercast.hazard import records


def test_simulated_lakes_are_records_in_a_run_folder(tmp_path):
    spec = workflow.read_outburst_spec({"lakes": 2, "seen.images": 10}, years=2)
    result = workflow.simulate_outbursts(spec, tmp_path / "made", 7)
    found = records.read(tmp_path / "made")
    assert len(found.lakes) == result["lakes"] == 2
    assert len(found.events) == result["floods"]
    assert result["lake_years_with_floods"] + result["lake_years_without"] == 4
    assert (result["first"], result["last"], result["images"]) == ("2022-01-01", "2023-12-31", 10)
    assert json.loads((tmp_path / "made" / "results" / "simulate.json").read_text())["records"]["areas"] == len(found.areas)
    with pytest.raises(RunFolderError):
        workflow.simulate_outbursts(spec, tmp_path / "made", 8)


@pytest.mark.parametrize(
    ("overrides", "named"), [({"mode": "sesason"}, "mode"), ({"lake": 2}, "did you mean 'lakes'"), ({"hazard.base": 2}, "hazard.base")]
)
def test_wrong_keys_are_named(overrides, named):
    with pytest.raises(ConfigError, match=named):
        workflow.read_outburst_spec(overrides)
