"""Every figure of the report in one place."""

from __future__ import annotations

from glaciercast.report.charts import scores_by_lead, skill_bars, training_curve
from glaciercast.report.maps import forecast_panel
from glaciercast.report.scenes import of_cube as scenes
from glaciercast.report.timelines import coverage, season

__all__ = ["coverage", "forecast_panel", "scenes", "scores_by_lead", "season", "skill_bars", "training_curve"]
