"""A table over sites and seeds: each site counts alike, spread is over seeds, intervals rest on time blocks within sites."""

import numpy as np
import pytest
from tests.evaluate import gridded

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate import aggregate
from glaciercast.report import tables
from glaciercast.stats import bootstrap

RANDOM = np.random.default_rng(5)
SIZES = {"a": 20, "b": 12}
"""Windows of each site: 10 and 6 blocks of two steps."""
BASE = {site: RANDOM.normal(0, 0.3, (size, 2)) for site, size in SIZES.items()}
OTHER = {site: RANDOM.normal(0, 0.5, (size, 2)) for site, size in SIZES.items()}
NETWORK = {(site, seed): RANDOM.normal(0, 0.2 + 0.02 * seed, (size, 2)) for site, size in SIZES.items() for seed in (0, 1, 2)}


def grid(part="test"):
    cells = []
    for site in SIZES:
        told = gridded.about(site={**gridded.about()["site"], "title": site.upper()})
        cells += [
            gridded.cell(BASE[site], "climatology", site, part=part, told=told),
            gridded.cell(OTHER[site], "persistence", site, part=part, told=told),
        ]
        cells += [gridded.cell(NETWORK[site, seed], "lstm", site, seed, part, "network", told) for seed in (0, 1, 2)]
    return cells


@pytest.fixture(scope="module")
def results():
    return aggregate.build([*grid(), *grid("validation")], "test")


def test_errors_are_the_mean_over_sites_of_the_mean_over_pixels(results):
    by_seed = [np.mean([(NETWORK[site, seed] ** 2).mean() for site in SIZES]) for seed in (0, 1, 2)]
    found = results["models"]["lstm"]
    assert found["mse"] == pytest.approx(np.mean(by_seed)) and found["mse_spread"] == pytest.approx(np.std(by_seed, ddof=1))
    assert found["mae"] == pytest.approx(np.mean([np.abs(NETWORK[site, seed]).mean() for site in SIZES for seed in (0, 1, 2)]))
    assert found["mse_by_lead"][1] == pytest.approx(np.mean([(NETWORK[key][:, 1] ** 2).mean() for key in NETWORK]))
    assert found["by_site"]["b"] == pytest.approx([(NETWORK["b", seed] ** 2).mean() for seed in (0, 1, 2)])
    assert found["train_seconds"] == 20 and results["seeds"] == [0, 1, 2]
    assert results["models"]["climatology"]["mse_spread"] is None


def test_skill_is_told_against_each_baseline_and_the_best(results):
    mse = {name: results["models"][name]["mse"] for name in results["models"]}
    assert results["best_baseline"] == "climatology" and set(results["models"]["lstm"]["skills"]) == {"climatology", "persistence"}
    for base in ("climatology", "persistence"):
        assert results["models"]["lstm"]["skills"][base]["skill"] == pytest.approx(1 - mse["lstm"] / mse[base])
    assert results["models"]["lstm"]["skill"] == results["models"]["lstm"]["skills"]["climatology"]["skill"]
    assert results["models"]["climatology"]["skill"] == 0 and results["models"]["climatology"]["skill_interval"] is None


def test_the_interval_is_that_of_a_loop_over_drawn_blocks_of_both_sites(results):
    low, high = results["models"]["lstm"]["skill_interval"]
    blocks = {site: bootstrap.time_blocks(np.arange(20, 20 + size), gridded.GAP) for site, size in SIZES.items()}
    assert results["clusters"] == sum(len(np.unique(block)) for block in blocks.values()) == 16
    random, skills = np.random.default_rng(0), []
    for _ in range(1500):
        model = base = 0.0
        for site, block in blocks.items():
            names = np.unique(block)
            for drawn in random.choice(names, names.size):
                picked = block == drawn
                model += np.mean([(NETWORK[site, seed][picked] ** 2).sum() for seed in (0, 1, 2)]) / BASE[site].size
                base += (BASE[site][picked] ** 2).sum() / BASE[site].size
        skills.append(1 - model / base)
    assert (low, high) == pytest.approx(np.quantile(skills, [0.025, 0.975]), abs=0.03)
    assert "16 time blocks" in results["interval_note"] and "2 glaciers" in results["interval_note"]


def test_below_eight_blocks_there_is_a_sentence_instead():
    few = [gridded.cell(BASE["b"][:6], "climatology"), gridded.cell(NETWORK["b", 0][:6], "lstm", seed=0, kind="network")]
    found = aggregate.build(few, "test")
    assert found["models"]["lstm"]["skill_interval"] is None and found["interval_note"].startswith("No interval is given")


def test_a_grid_reads_as_the_results_of_one_cube_do(results):
    assert tables.checked(results) is results
    assert tables.winner_sentence(results).startswith("The network lstm has the lowest MSE")
    assert results["site"]["title"] == "A; B" and results["split"]["text"] == "a, b: split by time"
    assert results["models"]["lstm"]["validation_mse"] == results["models"]["lstm"]["mse"]  # the same errors were given for both parts


def test_sites_that_do_not_go_into_one_table_are_refused():
    months, weeks = gridded.cell(BASE["a"]), gridded.cell(BASE["b"], site="b", told=gridded.about(lead_label="steps of W"))
    with pytest.raises(InputError, match="b: expected lead_label months as at a, found steps of W"):
        aggregate.build([months, weeks], "test")
    with pytest.raises(GlaciercastError, match=r"model 'lstm': expected as many seeds at each site, found \[1, 0\]"):
        aggregate.build([months, gridded.cell(BASE["b"], site="b"), gridded.cell(BASE["a"], "lstm", seed=0, kind="network")], "test")
    with pytest.raises(GlaciercastError, match="a benchmark without a baseline says nothing"):
        aggregate.build([gridded.cell(BASE["a"], "lstm", seed=0, kind="network")], "test")
