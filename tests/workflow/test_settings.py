"""Models by their text form and by config: what it stands for, what they are called, and what does not go together."""

import pytest

from glaciercast import config
from glaciercast.errors import ConfigError, InputError
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec, parse_model


@pytest.mark.parametrize(
    ("text", "keys", "label"),
    [
        ("lstm", {}, "lstm"),
        ("lstm/paper", {"preset": "paper"}, "lstm-paper"),
        ("unet_time+climatology", {"residual": "climatology"}, "unet_time+climatology"),
        ("unet_time+climatology+x5", {"residual": "climatology", "members": 5}, "unet_time+climatology+x5"),
        ("unet_time+x5+calibrated", {"members": 5, "calibrate": True}, "unet_time+x5+calibrated"),
        (
            "unet_time/paper+calibrated+gaussian+last",
            {"preset": "paper", "calibrate": True, "head": {"kind": "gaussian"}, "residual": "last"},
            "unet_time-paper-gaussian+last+calibrated",
        ),
        (" unet_time+x1+none+value ", {}, "unet_time"),
    ],
)
def test_the_text_form_stands_for_its_parts_in_any_order(text, keys, label):
    spec = parse_model(text)
    assert spec == config.parse(ModelSpec, {"name": label.partition("-")[0].partition("+")[0], **keys}, "keys")
    assert spec.label == label


def test_models_that_differ_in_members_or_calibration_have_labels_of_their_own():
    texts = ["lstm+gaussian", "lstm+gaussian+calibrated", "lstm+gaussian+x2", "lstm+gaussian+x3", "lstm+gaussian+x3+calibrated"]
    labels = [parse_model(text).label for text in texts]
    assert len(set(labels)) == len(labels)
    assert config.parse(ModelSpec, {"name": "a", "title": labels[-1]}, "title").label == labels[-1]  # a label may be given as a title


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unet_time+climatolgy", r"model 'unet_time\+climatolgy': unknown part 'climatolgy' \(did you mean 'climatology'\?\)"),
        ("unet_time*5", None),
        ("unet_time+x", "unknown part 'x'"),
        ("unet_time+", "unknown part ''"),
        ("unet_time+x0", "key 'members': Input should be greater than or equal to 1, found 0"),
        ("unet_time+last+climatology", "expected one part for its residual, found two"),
        ("unet_time+x2+x3", "expected one part for its members, found two"),
        ("unet_time+calibrated", "calibrate: expected a head that states quantiles"),
    ],
)
def test_what_cannot_be_is_one_line(text, message):
    if message is None:  # no part, so a name: the registry refuses it
        assert parse_model(text).name == text
        return
    with pytest.raises(InputError, match=message) as caught:
        parse_model(text)
    assert "\n" not in str(caught.value)


def test_a_config_says_the_same():
    plain = {"models": [{"name": "unet_time", "residual": "climatology", "members": 5, "calibrate": True}]}
    (spec,) = config.parse(BenchmarkConfig, plain, "config").models
    assert spec == parse_model("unet_time+climatology+x5+calibrated")
    with pytest.raises(ConfigError, match=r"config: key 'models\.0': calibrate: expected a head that states quantiles"):
        config.parse(BenchmarkConfig, {"models": [{"name": "unet_time", "calibrate": True}]}, "config")
