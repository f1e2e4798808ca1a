"""Skill against baselines, with intervals or a sentence that says why there are none."""
