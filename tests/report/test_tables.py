"""The table holds the numbers given, and the winner sentence is true whoever wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from glaciercast.errors import InputError
from glaciercast.report.tables import benchmark_table, lead_table, markdown_table, ranked, text_table, winner_sentence

Maker = Callable[..., dict[str, Any]]


def cells(results: dict[str, Any]) -> dict[str, list[str]]:
    return {row[0].text: [cell.text for cell in row[1:]] for row in benchmark_table(results).rows}


def test_the_table_holds_exactly_the_numbers_given(make_results: Maker) -> None:
    rows = cells(make_results(intervals=True))
    # MSE (0.0401 + 0.0497) / 2; skills 1 - 0.0401/0.0452, 1 - 0.0497/0.0522, 1 - 0.0898/0.0974
    assert rows["convlstm"] == ["network", "0.0449", "0.144", "+0.113", "+0.048", "+0.078", "-0.030 to +0.170", "312,514", "413"]
    assert rows["damped_anomaly"] == ["baseline", "0.0487", "0.153", "0.000", "0.000", "0.000", "reference", "2", "–"]
    assert rows["persistence"] == ["baseline", "0.0968", "0.205", "-0.617", "-1.307", "-0.987", "-1.320 to -0.710", "0", "–"]


def test_rows_go_from_the_lowest_mse_to_the_highest(make_results: Maker) -> None:
    results = make_results(network_wins=False)
    assert ranked(results) == ["damped_anomaly", "unet", "climatology", "convlstm", "same_season", "persistence"]
    assert [row[0].text for row in benchmark_table(results).rows] == ranked(results)


def test_the_best_value_of_each_score_is_marked_and_no_cost_is(make_results: Maker) -> None:
    table = benchmark_table(make_results())
    marked = {(row[0].text, title) for row in table.rows for cell, title in zip(row, table.header, strict=True) if cell.best}
    assert marked == {("convlstm", title) for title in ("MSE", "MAE", "Skill, 1 mo", "Skill, 2 mo", "Skill, all leads")}


def test_errors_by_lead_are_the_numbers_given(make_results: Maker) -> None:
    table = lead_table(make_results())
    assert table.header == ("Model", "MSE, 1 mo", "MSE, 2 mo", "MAE, 1 mo", "MAE, 2 mo")
    assert [cell.text for cell in table.rows[0]] == ["convlstm", "0.0401", "0.0497", "0.135", "0.152"]


def test_units_of_squared_errors_are_squared(make_results: Maker) -> None:
    header = benchmark_table({**make_results(), "units": "m yr-1"}).header
    assert header[2:4] == ("MSE ((m yr-1)²)", "MAE (m yr-1)") and "MSE (K²)" in benchmark_table({**make_results(), "units": "K"}).header


def test_large_and_tiny_errors_keep_three_digits(make_results: Maker) -> None:
    results = make_results()
    for factor, expected in ((1e5, "4490"), (1e-3, "0.0000449")):
        scaled = {name: {**model, "mse": model["mse"] * factor} for name, model in results["models"].items()}
        assert cells({**results, "models": scaled})["convlstm"][1] == expected


def test_a_model_without_a_score_is_last_and_unmarked(make_results: Maker) -> None:
    results = make_results()
    results["models"]["unet"].update(mse=None, skill=None)
    row = benchmark_table(results).rows[-1]
    assert (row[0].text, row[2].text, row[2].best) == ("unet", "–", False)


def test_a_winning_network_without_interval_may_be_chance(make_results: Maker) -> None:
    assert winner_sentence(make_results()) == (
        "The network convlstm has the lowest MSE (0.0449), 7.8 % below that of the best baseline, damped_anomaly (0.0487); "
        "without an interval, chance cannot be ruled out."
    )


@pytest.mark.parametrize(
    ("interval", "words"), [([-0.03, 0.17], "includes 0, so that it may be chance."), ([0.02, 0.17], "(+0.020 to +0.170) lies above 0.")]
)
def test_a_winning_network_is_judged_by_its_interval(make_results: Maker, interval: list[float], words: str) -> None:
    results = make_results()
    results["models"]["convlstm"]["skill_interval"] = interval
    assert winner_sentence(results).endswith(words)


def test_a_winning_baseline_is_named_as_winner(make_results: Maker) -> None:
    # unet: (0.0468 + 0.0571) / (0.0452 + 0.0522) - 1 = 6.7 %
    assert winner_sentence(make_results(network_wins=False)) == (
        "No network beats the best baseline: damped_anomaly has the lowest MSE (0.0487); "
        "that of the best network, unet, is 6.7 % higher (0.0519)."
    )


def test_level_scores_have_no_winner(make_results: Maker) -> None:
    results = make_results(network_wins=False)
    results["models"]["unet"]["mse"] = results["models"]["damped_anomaly"]["mse"]
    assert winner_sentence(results) == "The best network, unet, and the best baseline, damped_anomaly, are level (MSE 0.0487)."


def test_baselines_alone_are_called_that(make_results: Maker) -> None:
    results = make_results()
    results["models"] = {name: model for name, model in results["models"].items() if model["kind"] == "baseline"}
    assert winner_sentence(results) == "Only baselines were scored; damped_anomaly has the lowest MSE (0.0487)."


def test_markdown_and_text_bear_the_same_numbers_in_both_tables(make_results: Maker) -> None:
    results = make_results(intervals=True)
    markdown = [line for line in markdown_table(results).splitlines() if line.startswith("|")]
    plain = [line for line in text_table(results).splitlines() if line and line.split()[0] in results["models"]]
    names = len(results["models"])
    by_lead = {row[0].text: [cell.text for cell in row[1:]] for row in lead_table(results).rows}
    for table, first in ((cells(results), 0), (by_lead, 1)):
        for (name, row), marked, aligned in zip(table.items(), markdown[2 + first * (names + 2) :], plain[first * names :], strict=False):
            assert [cell.strip().strip("*") for cell in marked.strip("|").split("|")] == [name, *row]
            assert aligned.replace("*", " ").split() == [name, *" ".join(row).split()]
    assert winner_sentence(results) in markdown_table(results) and results["interval_note"] in text_table(results)


def test_text_columns_are_aligned(make_results: Maker) -> None:
    lines = text_table(make_results(intervals=True)).splitlines()[:7]
    ends = {line.replace("*", " ").rstrip().__len__() for line in lines}
    assert len(ends) == 1


def test_names_cannot_break_a_row_or_the_terminal(make_results: Maker) -> None:
    results = make_results()
    results["models"]["a|b\n\x1b[31m<i>"] = results["models"].pop("unet")
    assert "| a\\|b  [31m&lt;i> | network |" in markdown_table(results)
    assert "\x1b" not in text_table(results)


def test_faulty_results_are_refused_by_name(make_results: Maker) -> None:
    results = make_results()
    with pytest.raises(InputError, match="key 'clusters' is missing"):
        benchmark_table({key: value for key, value in results.items() if key != "clusters"})
    with pytest.raises(InputError, match="best_baseline must name one of the baselines, found 'unet'"):
        benchmark_table({**results, "best_baseline": "unet"})
    results["models"]["unet"]["mse_by_lead"] = [0.1]
    with pytest.raises(InputError, match="'mse_by_lead' of 'unet' needs 2 values, found 1"):
        benchmark_table(results)
