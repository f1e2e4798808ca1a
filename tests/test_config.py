"""Configs refuse what they do not know and say so in one line."""

import pytest
from pydantic import Field

from glaciercast import config
from glaciercast.errors import ConfigError, InputError


class Inner(config.Config):
    epochs: int = Field(default=3, ge=1)


class Outer(config.Config):
    name: str
    training: Inner = Inner()


def test_an_unknown_key_is_named_with_the_key_that_was_meant(tmp_path):
    path = tmp_path / "run.yml"
    path.write_text("name: a\ntrainig: {}\n")
    with pytest.raises(ConfigError, match=r"run.yml: unknown key 'trainig' \(did you mean 'training'\?\)"):
        config.load(Outer, path)


def test_a_value_out_of_range_is_named_with_what_was_found(tmp_path):
    path = tmp_path / "run.yml"
    path.write_text("name: a\ntraining: {epochs: 0}\n")
    with pytest.raises(ConfigError, match=r"key 'training.epochs'.*found 0"):
        config.load(Outer, path)


def test_an_override_wins_over_the_file_and_none_is_no_override(tmp_path):
    path = tmp_path / "run.yml"
    path.write_text("name: a\ntraining: {epochs: 5}\n")
    assert config.load(Outer, path, {"training.epochs": 7, "name": None}) == Outer(name="a", training=Inner(epochs=7))


@pytest.mark.parametrize(("text", "message"), [("- a\n", "expected a mapping"), ("a: [\n", "not valid YAML")])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, message):
    path = tmp_path / "run.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.load(Outer, path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none.yml: cannot be read: No such file"):
        config.load(Outer, tmp_path / "none.yml")


def test_the_digest_does_not_depend_on_the_order_of_keys():
    assert config.digest({"a": 1, "b": [2]}) == config.digest({"b": [2], "a": 1}) != config.digest({"a": 1, "b": [3]})
