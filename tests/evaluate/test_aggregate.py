"""A table over sites and seeds: each site counts alike, spread is over seeds, intervals rest on time blocks within sites."""

import numpy as np
import pytest
from tests.evaluate import gridded
from tests.stats.made_sums import elevation, scenes

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate import aggregate, figures, scoring, table
from glaciercast.evaluate.strata import Ground
from glaciercast.report import tables
from glaciercast.stats import bootstrap
from glaciercast.stats.scores import ErrorSums

RANDOM = np.random.default_rng(5)
SIZES = {"a": 20, "b": 17}
"""Windows of each site: 10 and 8 blocks of two steps, the last of them of three."""
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
    assert found["bias"] == pytest.approx(np.mean([NETWORK[site, seed].mean() for site in SIZES for seed in (0, 1, 2)]))
    assert found["mse_by_lead"][1] == pytest.approx(np.mean([(NETWORK[key][:, 1] ** 2).mean() for key in NETWORK]))
    assert found["bias_by_lead"][0] == pytest.approx(np.mean([NETWORK[key][:, 0].mean() for key in NETWORK]))
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
    assert results["clusters"] == min(len(np.unique(block)) for block in blocks.values()) == 8
    random, skills, apart, own = np.random.default_rng(0), [], [], []
    for _ in range(1500):
        model = base = 0.0
        for site, block in blocks.items():
            names = np.unique(block)
            picked = np.concatenate([np.flatnonzero(block == drawn) for drawn in random.choice(names, names.size)])
            model += np.mean([(NETWORK[site, seed][picked] ** 2).mean() for seed in (0, 1, 2)]) / 2
            base += (BASE[site][picked] ** 2).mean() / 2
        skills.append(1 - model / base)
        apart.append(base - model)
        own.append(model)
    assert (low, high) == pytest.approx(np.quantile(skills, [0.025, 0.975]), abs=0.03)
    assert results["models"]["lstm"]["mse_interval"] == pytest.approx(np.quantile(own, [0.025, 0.975]), abs=0.002)
    pairs = {(each["model"], each["other"]): each for each in results["differences"]}
    assert list(pairs) == [("climatology", "persistence"), ("climatology", "lstm"), ("persistence", "lstm")]
    assert pairs["climatology", "lstm"]["mse"] == pytest.approx(results["models"]["climatology"]["mse"] - results["models"]["lstm"]["mse"])
    assert pairs["climatology", "lstm"]["interval"] == pytest.approx(np.quantile(apart, [0.025, 0.975]), abs=0.003)
    assert "18 time blocks" in results["interval_note"] and "2 glaciers, 8 at least in each" in results["interval_note"]


LEVELS = (0.05, 0.5, 0.95)


def stated(site, seed):
    """Return the scores of 18 windows of NDSI scenes with quantiles, whose months and ice differ between sites."""
    forecast, truth, weight = (each[:, :, None] for each in scenes(7 + 10 * seed + (site == "b"), forecasts=18))
    ice = np.arange(truth.shape[-1]) < (9 if site == "a" else 4) + np.zeros(truth.shape[-2:], int)
    ground = Ground.of(truth.shape[-2:], 9e-4, elevation() + (0 if site == "a" else 500), ice)
    month = np.arange(18)[:, None] % 12 + np.array([1, 1])
    quantiles = np.stack([forecast - 0.3, forecast, forecast + 0.3])
    return scoring.of_scenes(forecast, truth, weight, month, ground, (np.array([6]), np.array([11])), snow=True, stated=(quantiles, LEVELS))


@pytest.mark.slow
def test_a_grid_tells_all_figures_and_what_quantiles_are_worth_of_the_merged_sums():
    scores = {(site, seed): stated(site, seed) for site in "ab" for seed in (0, 1)}
    plain = {site: stated(site, 2).errors for site in "ab"}
    grid = [gridded.cell(np.zeros((18, 2)), "climatology", site, scores=scoring.Scores(plain[site])) for site in "ab"]
    grid += [gridded.cell(np.zeros((18, 2)), "q", site, seed, kind="network", scores=found) for (site, seed), found in scores.items()]
    results = aggregate.build(grid, "test")
    model, seeds = results["models"]["q"], [[scores[site, seed] for site in "ab"] for seed in (0, 1)]
    merged = scoring.Scores.joined([one for seed in seeds for one in seed])
    assert model["bands"] == table.bands(merged.quantiles) and model["bands"]["coverage"] == pytest.approx(
        sum(each.quantiles.inside[..., 0].sum() for each in scores.values()) / sum(each.quantiles.weight.sum() for each in scores.values())
    )
    told = model["figures"]
    assert {key: value for key, value in told.items() if key != "interval"} == figures.report(merged)
    hits, others = (
        sum(getattr(each.strata, name).sum() for each in scores.values() for name in names)
        for names in (("hits",), ("misses", "false_alarms"))
    )
    assert told["all"]["iou"] == pytest.approx(hits / (hits + others)) and list(told["by_zone"]) == ["3000", "3500", "4000"]
    assert {"ssim", "fss_5px", "crps", "area_error_km2", "snow_line_error_m"} <= set(told["all"])
    assert told["by_month"]["3"]["iou"] is not None and set(told["by_place"]) == {"ice", "outside"}
    block = np.tile(np.repeat(np.arange(9), 2), 2)
    clusters = bootstrap.Clusters.of(block, np.repeat([0, 1], 18))
    counts = np.tile(clusters.draws(), 2)  # the seeds of a window are drawn together
    squared, weight = merged.errors.squared.sum(1), merged.errors.weight.sum(1)
    assert told["interval"]["mse"] == pytest.approx(tuple(np.quantile((counts @ squared) / (counts @ weight), [0.025, 0.975])))
    assert table.band_lines(results) == table.band_lines({"models": {"q": {"bands": table.bands(merged.quantiles)}}})
    assert set(results["models"]["climatology"]["figures"]["all"]) == {"mse", "mae", "bias"}


def test_a_lead_at_which_nothing_was_observed_has_no_best_baseline():
    cells = []
    for name, values in {"climatology": BASE, "persistence": OTHER}.items():
        sums = gridded.errors(values["a"])
        first = {each: getattr(sums, each) * [1.0, 0.0] for each in ("weight", "squared", "absolute", "signed")}
        cells.append(gridded.cell(values["a"], name, scores=scoring.Scores(ErrorSums(**first))))
    found = aggregate.build(cells, "test")
    assert found["best_baseline_by_lead"] == ["climatology", None]
    assert found["models"]["persistence"]["mse_by_lead"] == [pytest.approx((OTHER["a"][:, 0] ** 2).mean()), None]
    assert found["models"]["persistence"]["skill_by_lead"][1] is None
    partly = table.lowest_by_lead({"a": [np.nan, 2.0], "b": [3.0, 1.0]})
    assert partly[0] == ["b", "b"] and partly[1].tolist() == [3, 1]  # an unknown one is not the lowest


def test_the_note_names_the_part_and_a_split_whose_times_training_knew():
    known = gridded.about(split={**gridded.about()["split"], "name": "space"})
    found = aggregate.build([gridded.cell(BASE["a"], told=known, part="validation")], "validation")
    assert found["clusters"] == 10 and found["interval_note"].endswith(bootstrap.KNOWN_TIMES)
    few = aggregate.build([gridded.cell(BASE["a"][:6], part="validation")], "validation")
    assert few["interval_note"].startswith("No interval is given: the validation part holds 3 independent time blocks")


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
