"""A config names its split; by time is the default."""

import pytest

from glaciercast.patches import splits, splits_kinds
from glaciercast.patches.splits import WindowConfig


@pytest.mark.parametrize("kind", splits.KINDS)
def test_each_kind_is_made_of_the_windows_of_the_config(kind):
    split = splits_kinds.make(WindowConfig(split=kind, patch=8), 96, (40, 40), 12, 1)
    times = splits.by_time(96, n_input=4, n_target=4, history=12)
    assert split.name == kind and (split.n_input, split.n_target, split.history) == (4, 4, 12) and split.honest == (kind != "published")
    assert (split.targets == times.targets) == (kind in ("time", "both")) and (split.mask("test") is None) == (
        kind in ("time", "published")
    )
    assert split.facts()["kind"] == kind and split.sentence.endswith(".")


def test_the_default_is_by_time_and_the_hardest_comes_first():
    assert WindowConfig().split == "time" and splits.KINDS == ("both", "space", "time", "published")
