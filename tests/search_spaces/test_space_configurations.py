"""What a space says about configurations: default, fill, validate, decode, key."""

import copy
import pickle

import numpy as np
import pytest

import search_spaces
from search_spaces import Choice, Fixed, Float, Int, Is, SearchSpace

MLP = search_spaces.get("mlp")


def test_default_of_the_mlp():
    assert MLP.default() == {
        "learning_rate": 0.01,
        "momentum": 0.9,
        "batch_size": 128,
        "hidden_layers": 2,
        "units_1": 100,
        "units_2": 100,
        "dropout": 0.0,
        "activation": "relu",
        "weight_decay_on": False,
    }


@pytest.mark.parametrize(
    ("partial", "present", "absent"),
    [
        ({"hidden_layers": 3}, {"units_3"}, {"units_4", "weight_decay"}),
        ({"hidden_layers": 4}, {"units_3", "units_4"}, {"weight_decay"}),
        ({"weight_decay_on": True}, {"weight_decay"}, {"units_3"}),
    ],
)
def test_fill_takes_defaults_of_what_is_active(partial, present, absent):
    config = MLP.fill(partial)
    assert present <= set(config)
    assert not absent & set(config)
    MLP.validate(config)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"learning_rat": 0.1},
            r"space 'mlp' has no parameter 'learning_rat': did you mean 'learni",
        ),
        ({"xyz": 0.1}, r"has no parameter 'xyz': known are learning_rate, momentum"),
        ({"momentum": None}, r"^momentum: must be a number, got None"),
        ({"momentum": 0.5}, r"^momentum: must be in 0.9 … 0.999, got 0.5"),
        ({"hidden_layers": "2"}, r"^hidden_layers: must be a whole number, got '2'"),
        ({"activation": "rellu"}, r"^activation: must be one of relu, sigmoid, tanh, got 'rellu'"),
        (
            {"units_3": 60},
            r"^units_3: only takes part when hidden_layers >= 3, got 60: leave it out",
        ),
        ({"weight_decay_on": True}, r"^weight_decay: missing from the configuration"),
    ],
)
def test_validate_names_the_parameter(changes, match):
    with pytest.raises(ValueError, match=match):
        MLP.validate(MLP.default() | changes)


@pytest.mark.parametrize("config", [None, 3, ["momentum"], "momentum"])
def test_a_configuration_is_a_dict(config):
    with pytest.raises(ValueError, match=r"a configuration of space 'mlp' is a dict from names to"):
        MLP.validate(config)


def test_missing_parameter():
    config = MLP.default()
    del config["momentum"]
    with pytest.raises(ValueError, match=r"^momentum: missing from the configuration"):
        MLP.validate(config)


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        ({"learning_rat": 0.5}, "did you mean 'learning_rate'"),
        ({"learning_rate": 0.5}, r"^momentum: no coordinate given, but it is active"),
    ],
)
def test_decode_refuses(raw, match):
    with pytest.raises(ValueError, match=match):
        MLP.decode(raw)


def test_decode_drops_the_inactive():
    raw = {p.name: 0 if isinstance(p, Choice) else 0.0 for p in MLP.searched}
    assert set(raw) - set(MLP.decode(raw)) == {"units_3", "units_4", "weight_decay"}


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ({"learning_rate": 0.3}, {"learning_rate": 0.1 + 0.2}, True),
        ({"learning_rate": 0.3}, {"learning_rate": 0.3001}, False),
        ({"dropout": 0.0}, {"dropout": 1e-17}, True),
        ({"dropout": 0.0}, {"dropout": -0.0}, True),
        ({"momentum": 0.99}, {"momentum": 1 - 0.01}, True),
        ({"momentum": 0.9989}, {"momentum": 0.99891}, False),
        ({"units_1": 60}, {"units_1": np.int64(60)}, True),
        ({"units_1": 60}, {"units_1": 61}, False),
        ({"activation": "relu"}, {"activation": "tanh"}, False),
        ({"hidden_layers": 2}, {"hidden_layers": 3}, False),
    ],
)
def test_same_and_key(a, b, same):
    a, b = MLP.fill(a), MLP.default() | b if "hidden_layers" not in b else MLP.fill(b)
    assert MLP.same(a, b) is same
    assert (MLP.key(a) == MLP.key(b)) is same
    assert len({MLP.key(a), MLP.key(b)}) == (1 if same else 2)


def test_key_does_not_hang_on_the_order_of_the_dict():
    config = MLP.default()
    assert MLP.key(config) == MLP.key(dict(reversed(config.items())))


def test_samples_are_reproducible_and_streams_do_not_hang_on_branches():
    first = MLP.sample(np.random.default_rng(5))
    assert first == MLP.sample(np.random.default_rng(5))
    fixed = MLP.fix("activation", "relu").override("hidden_layers", high=3)
    assert fixed.sample(np.random.default_rng(5))["learning_rate"] == first["learning_rate"]


def test_a_collection():
    assert len(MLP) == len(MLP.parameters) == len(list(MLP)) == 12
    assert "momentum" in MLP
    assert "momentun" not in MLP
    assert MLP["momentum"].scale == "log1m"
    with pytest.raises(KeyError, match=r"did you mean 'momentum'"):
        MLP["momentun"]
    assert MLP.conditional
    assert not search_spaces.get("kt").conditional


def test_pickle_and_deepcopy():
    for copied in (pickle.loads(pickle.dumps(MLP)), copy.deepcopy(MLP)):  # noqa: S301
        assert copied == MLP
        assert copied.default() == MLP.default()
        assert hash(copied) == hash(MLP)


def test_equality_and_fingerprint():
    other = MLP.override("learning_rate", source="elsewhere", tier=2).named("mine")
    assert other != MLP
    assert other.fingerprint == MLP.fingerprint
    assert MLP.override("learning_rate", high=0.5).fingerprint != MLP.fingerprint
    assert MLP.override("learning_rate", default=0.02).fingerprint != MLP.fingerprint
    assert search_spaces.get("mlp") == MLP
    assert MLP != "mlp"


def test_fifteen_lines_make_a_conditional_space():
    space = SearchSpace(
        "mine",
        [
            Float(name="learning_rate", low=1e-4, high=1, scale="log"),
            Choice(name="optimizer", options=["sgd", "adam"]),
            Float(name="momentum", low=0.9, high=0.999, scale="log1m", when=Is("optimizer", "sgd")),
            Int(name="layers", low=1, high=3),
            Fixed(name="epochs", value=9),
        ],
    )
    assert set(space.fill({"optimizer": "adam"})) == {
        "learning_rate",
        "optimizer",
        "layers",
        "epochs",
    }
