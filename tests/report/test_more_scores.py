"""Further figures: each column marks what is best of it, and figures that no model has are left out."""

from __future__ import annotations

from glaciercast.report import more_scores


def results(**figures: dict[str, float | None]) -> dict:
    models = {name: {"mse": rank, "figures": {"all": known}} for rank, (name, known) in enumerate(figures.items())}
    return {"models": models}


def test_the_best_is_the_highest_likeness_the_least_error_and_the_ratio_nearest_to_one():
    ours = {"iou": 0.81, "snow_line_error_m": 42.4, "power_2_4px": 0.4, "seam_index": 1.02, "coverage_90": 0.97}
    theirs = {"iou": 0.79, "snow_line_error_m": 40.0, "power_2_4px": 1.3, "seam_index": 0.9, "coverage_90": None}
    found = more_scores.table(results(ours=ours, theirs=theirs))
    assert found is not None
    assert found.header == ("Model", "Snow IoU", "Snow line error, m", "Power, 2–4 px", "Seam index", "Within 90 %")
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["ours", "0.810", "42", "0.40", "1.02", "97%"],
        ["theirs", "0.790", "40", "1.30", "0.90", "–"],
    ]
    assert [[cell.best for cell in row[1:]] for row in found.rows] == [[True, False, False, True, True], [False, True, True, False, False]]


def test_results_without_such_figures_have_no_table():
    assert more_scores.table({"models": {"old": {"mse": 1.0}}}) is None
    assert more_scores.table(results(ours={"iou": None})) is None
