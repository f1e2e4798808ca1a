"""The card of a benchmark says what a sceptic asks for, of one cube and of a grid."""

from tests.report import conftest as made

from glaciercast.evaluate import card
from glaciercast.models import registry

LEAKS = {"text": "Leak check (time): no leak."}


def results(**changes):
    opening = {"sentence": "The test part has been opened 3 times."}
    told = made.results()
    return {**told, "split": {**told["split"], "name": "time"}, "part": "test", "leaks": LEAKS, "opening": opening, **changes}


def test_it_tells_data_split_licence_openings_and_limits():
    text = card.markdown(results(), "0.1.0+abc")
    for line in (
        "# Benchmark card: Parvati glacier, Himachal Pradesh",
        "- Parvati glacier, Himachal Pradesh, 30 m, EPSG:32643.",
        "- Attribution and licence: Landsat 8 image courtesy of the U.S. Geological Survey; contains modified Copernicus Sentinel data..",
        "- ndsi (dimensionless), 1 to 2 months ahead, over observed pixels of the test part.",
        "- Leak check (time): no leak.",
        "- The test part has been opened 3 times.",
        "- `persistence`: the last state seen stays as it is",
        "- `convlstm`: 312,514 parameters",
        "- No intervals: 5 time blocks are too few.",
        "- 2 networks were compared on the same part: the best of several looks better than it is.",
    ):
        assert line.replace("..", ".") in text.replace("..", ".").splitlines(), line
    assert "glaciercast 0.1.0+abc" in text


def test_a_sealed_part_is_said_to_be_sealed_and_validation_to_be_for_choosing():
    text = card.markdown(results(part="validation", opening=None), "1")
    assert card.CHOOSING in text and "The test part is sealed and was not opened for this table." in text


def test_where_blocks_are_kept_apart_it_tells_which_baselines_are_weaker():
    for name, told in (("time", False), ("space", True), ("both", True), ("published", False)):
        text = card.markdown(results(split={**results()["split"], "name": name}), "1")
        assert (f"- {card.ELSEWHERE}" in text.splitlines()) is told, name


def test_a_grid_tells_of_each_site_and_of_the_seeds():
    one = results()
    places = {name: {"site": one["site"], "leaks": LEAKS, "opening": None} for name in ("a", "b")}
    text = card.markdown({**one, "sites": places, "seeds": [0, 1]}, "1")
    assert "- a: Parvati glacier, Himachal Pradesh, 30 m" in text and "- b: Leak check (time): no leak." in text
    assert "- Each from the seeds 0, 1." in text


def test_every_baseline_has_its_words():
    assert set(card.BASELINES) == set(registry.names("baseline"))
