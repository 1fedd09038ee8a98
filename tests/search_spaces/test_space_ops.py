"""New spaces from old ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces import (
    AllOf,
    AtLeast,
    AtMost,
    Choice,
    Fixed,
    Float,
    Int,
    Is,
    OneOf,
    SearchSpace,
)

MLP = search_spaces.get("mlp")
CNN = search_spaces.get("cnn")
NAMES = search_spaces.names()


def test_compose():
    extra = SearchSpace("extra", [Float(name="warmup", low=0, high=1)])
    both = MLP + extra
    assert both.name == "mlp+extra"
    assert both.names == (*MLP.names, "warmup")
    assert MLP.compose(extra, Fixed(name="seed", value=1), name="mine").names[-1] == "seed"
    assert (MLP + Fixed(name="seed", value=1)).default()["seed"] == 1
    assert "warmup" not in MLP
    with pytest.raises(
        ValueError, match=r"names must differ, but space 'mlp.cnn' has 'learning_ra"
    ):
        MLP + CNN
    with pytest.raises(TypeError, match=r"unsupported operand"):
        MLP + 3
    with pytest.raises(ValueError, match=r"compose joins spaces and parameters, got 3"):
        MLP.compose(3)


def test_prefix_renames_conditions_too():
    space = MLP.prefix("head.") + CNN.prefix("body.")
    assert space["head.units_3"].when == AtLeast("head.hidden_layers", 3)
    assert space["body.momentum"].when == OneOf("body.optimizer", ["sgd", "rmsprop"])
    assert space.default()["head.learning_rate"] == 0.01
    with pytest.raises(ValueError, match=r"name is made of letters"):
        MLP.prefix("1 ")
    with pytest.raises(ValueError, match=r"a prefix is a text such as 'encoder.', got None"):
        MLP.prefix(None)


def test_override():
    space = MLP.override("learning_rate", low=1e-3, high=0.1)
    assert (space["learning_rate"].low, space["learning_rate"].high) == (1e-3, 0.1)
    assert space["learning_rate"].scale == "log"
    assert space.override("dropout", scale="linear", step=0.1)["dropout"].step == 0.1


@pytest.mark.parametrize(
    ("name", "changes", "match"),
    [
        ("learning_rat", {"low": 1}, "did you mean 'learning_rate'"),
        (
            "learning_rate",
            {"hihg": 1},
            "^learning_rate: a float has no 'hihg': did you mean 'high'",
        ),
        ("learning_rate", {"low": 2.0}, "^learning_rate: low < high must hold"),
        ("learning_rate", {"low": 0.1}, "^learning_rate: must be in 0.1 … 1, got 0.01 .*default"),
        ("activation", {"low": 0.1}, "^activation: a choice has no 'low'"),
        # of the changed parameter itself, a wrong condition is an error, no reason to leave it out
        ("dropout", {"when": AtLeast("hiden_layers", 2)}, "^dropout: .* on an unknown parameter"),
        ("dropout", {"when": AtLeast("hidden_layers", 9)}, "^dropout: .* can never hold"),
        ("hidden_layers", {"when": AtLeast("units_3", 60)}, "must not form a circle"),
    ],
)
def test_override_refuses(name, changes, match):
    with pytest.raises(ValueError, match=match):
        MLP.override(name, **changes)


def test_override_leaves_out_what_can_no_longer_take_part():
    space = MLP.override("hidden_layers", high=3)
    assert "units_3" in space
    assert "units_4" not in space


def test_fewer_layers_than_the_built_in_space_has_have_fewer_units():
    space = MLP.override("hidden_layers", low=1)
    assert "units_1" in space.fill({"hidden_layers": 1})
    assert "units_2" not in space.fill({"hidden_layers": 1})


def test_what_takes_part_in_no_combination_is_left_out():
    space = SearchSpace(
        "s",
        [
            Int(name="layers", low=1, high=9),
            Choice(name="kind", options=["a", "b"]),
            Float(name="x", low=0, high=1, when=AllOf(AtLeast("layers", 3), AtMost("layers", 5))),
            Float(name="y", low=0, high=1, when=AllOf(AtLeast("x", 0.5), Is("kind", "b"))),
            Float(name="z", low=0, high=1, when=OneOf("layers", [2, 7])),
        ],
    )
    assert space.fix("layers", 6).names == ("layers", "kind")
    assert space.fix("kind", "a").names == ("layers", "kind", "x", "z")
    low = space.override("layers", high=5)
    assert low.names == space.names
    assert low["z"].when == OneOf("layers", [2])


def test_override_of_options_trims_conditions():
    space = CNN.override("optimizer", options=["sgd", "adam"])
    assert space["momentum"].when == OneOf("optimizer", ["sgd"])
    assert "momentum" not in CNN.override("optimizer", options=["adam"])


def test_fix():
    space = CNN.fix("optimizer", "adam")
    assert space["optimizer"] == Fixed(name="optimizer", value="adam", source="KT")
    assert "momentum" not in space
    assert "momentum" in CNN.fix("optimizer", "sgd").default()
    with pytest.raises(
        ValueError, match=r"^optimizer: must be one of sgd, adam, rmsprop, got 'ad'"
    ):
        CNN.fix("optimizer", "ad")
    with pytest.raises(ValueError, match=r"did you mean 'optimizer'"):
        CNN.fix("optimiser", "adam")


def test_fix_reaches_through_levels():
    space = SearchSpace(
        "s",
        [
            Choice(name="a", options=[0, 1]),
            Choice(name="b", options=[0, 1], when=Is("a", 1)),
            Float(name="c", low=0, high=1, when=Is("b", 1)),
        ],
    )
    assert space.fix("a", 0).names == ("a",)


def test_drop():
    assert "dropout" not in MLP.drop("dropout")
    assert len(MLP.drop("weight_decay_on", "weight_decay")) == 10
    with pytest.raises(
        ValueError, match=r"^hidden_layers: cannot be dropped while units_2 takes part when"
    ):
        MLP.drop("hidden_layers")
    with pytest.raises(ValueError, match=r"did you mean 'dropout'"):
        MLP.drop("dropuot")


@pytest.mark.parametrize(
    ("n", "searched"),
    [
        (1, ["learning_rate"]),
        (2, ["learning_rate", "momentum", "batch_size", "units_1", "units_2"]),
        (
            3,
            ["learning_rate", "momentum", "batch_size", "hidden_layers"]
            + [f"units_{k}" for k in (1, 2, 3, 4)],
        ),
    ],
)
def test_tiers_hold_the_rest_at_their_defaults(n, searched):
    space = MLP.tiers(n)
    assert [p.name for p in space.searched] == searched
    assert space.default() == MLP.default()
    config = space.sample(np.random.default_rng(0))
    MLP.validate(config)
    assert config["activation"] == "relu"


def test_tiers_refuses():
    with pytest.raises(ValueError, match=r"tiers must be a whole number, 1 or more, got 0"):
        MLP.tiers(0)
    with pytest.raises(ValueError, match=r"nothing to search in its first 1 tiers: give its"):
        SearchSpace("s", [Float(name="a", low=0, high=1)]).tiers(1)
    with pytest.raises(ValueError, match=r"nothing to search in its first 1 tiers: its .* is 3"):
        SearchSpace("s", [Float(name="a", low=0, high=1, tier=3)]).tiers(1)


def test_zoom_by_hand():
    """lr 0.01 and 0.1 are 1/2 and 3/4 of the way; a margin of 1/4 gives 1/4 … 1: 1e-3 … 1."""
    good = [MLP.fill({"learning_rate": rate}) for rate in (0.1, 0.01)]
    rate = MLP.zoom(good, margin=0.25)["learning_rate"]
    assert rate.low == pytest.approx(1e-3)
    assert rate.high == 1.0
    assert rate.default == 0.1  # the best one, so that it is tried first
    units = MLP.zoom(good, margin=0.25)[
        "units_1"
    ]  # 100 is the last of 51 cells; 1/4 of them: 12.75
    assert (units.low, units.high) == (87, 100)


def test_zoom_leaves_choices_and_what_no_good_one_has():
    space = MLP.zoom([MLP.default(), MLP.fill({"hidden_layers": 3})], margin=0.2)
    assert space["activation"].options == MLP["activation"].options
    assert space["units_4"] == MLP["units_4"]
    assert space["weight_decay"] == MLP["weight_decay"]
    # a margin of 0.1 is less than a cell of hidden_layers, where all good ones agree
    assert MLP.zoom([MLP.default()], margin=0.1)["hidden_layers"].default == 2
    assert "units_4" not in MLP.zoom([MLP.default()], margin=0.1)


def test_zoom_may_drop_options():
    good = [CNN.fill({"optimizer": "sgd"}), CNN.fill({"optimizer": "adam", "activation": "tanh"})]
    space = CNN.zoom(good, drop_options=True)
    assert space["optimizer"].options == ("sgd", "adam")
    assert space["schedule"] == Fixed(
        name="schedule", value="constant", tier=3, source=CNN["schedule"].source
    )
    assert "decay_rate" not in space
    for config in good:
        space.validate(config)


def test_zoom_to_a_point_fixes():
    space = MLP.zoom([MLP.default()], margin=0.0, drop_options=True)
    assert not space.searched
    assert space.default() == MLP.default()


@pytest.mark.parametrize(
    ("configs", "margin", "match"),
    [
        ([], 0.1, "zoom needs at least one good configuration, got none"),
        ([MLP.default()], -0.1, r"margin must be in 0 … 1 of the old range, got -0.1"),
        ([{"momentum": 3}], 0.1, "^momentum: must be in"),
        (MLP.default(), 0.1, r"zoom takes a list of good configurations, best first, got \{"),
        (None, 0.1, "zoom takes a list of good configurations, best first, got None"),
        ([3], 0.1, "a configuration of space 'mlp' is a dict from names to values, got 3"),
        ([MLP.default()], "0.1", "margin must be in 0 … 1 of the old range, got '0.1'"),
    ],
)
def test_zoom_refuses(configs, margin, match):
    with pytest.raises(ValueError, match=match):
        MLP.zoom(configs, margin=margin)


@settings(max_examples=60)
@given(
    st.sampled_from(NAMES),
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.floats(0, 0.5),
    st.booleans(),
)
def test_a_zoomed_space_lies_inside_and_contains_the_good(name, seed, count, margin, drop):
    space = search_spaces.get(name)
    rng = np.random.default_rng(seed)
    good = [space.sample(rng) for _ in range(count)]
    finer = space.zoom(good, margin=margin, drop_options=drop)
    for config in good:
        finer.validate(config)
    assert finer.same(finer.default(), good[0])
    for _ in range(5):
        space.validate(finer.sample(rng))
    again = SearchSpace.from_json(finer.to_json())
    assert again == finer
    again.zoom(good, margin=margin).validate(good[-1])  # a second time, from the narrower one


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
def test_composed_spaces_are_valid_part_by_part(one, other, seed):
    first, second = search_spaces.get(one).prefix("a."), search_spaces.get(other).prefix("b.")
    config = (first + second).sample(np.random.default_rng(seed))
    (first + second).validate(config)
    first.validate({k: v for k, v in config.items() if k.startswith("a.")})
    second.validate({k: v for k, v in config.items() if k.startswith("b.")})


@settings(max_examples=40)
@given(st.data())
def test_random_spaces_keep_their_promises(data):
    """Spaces of any shape: default, sample, encode, key, JSON, grid size."""
    parameters: list = []
    for number in range(data.draw(st.integers(1, 6))):
        kind = data.draw(st.sampled_from(["float", "int", "choice"]))
        when = None
        if parameters and data.draw(st.booleans()):
            parent = data.draw(st.sampled_from(parameters))
            when = (
                Is(parent.name, data.draw(st.sampled_from(parent.options)))
                if isinstance(parent, Choice)
                else AtLeast(parent.name, parent.default)
            )
        name = f"p{number}"
        low, width = data.draw(st.integers(1, 50)), data.draw(st.integers(1, 50))
        scale = data.draw(st.sampled_from(["linear", "log"]))
        if kind == "float":
            parameters.append(Float(name=name, low=low, high=low + width, scale=scale, when=when))
        elif kind == "int":
            parameters.append(Int(name=name, low=low, high=low + width, scale=scale, when=when))
        else:
            parameters.append(Choice(name=name, options=list(range(width)), when=when))
    space = SearchSpace("random", data.draw(st.permutations(parameters)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    for config in (space.default(), space.sample(rng), space.sample(rng)):
        space.validate(config)
        assert space.same(space.decode(space.encode(config)), config)
        assert space.same(space.fill(config), config)
    assert SearchSpace.from_json(space.to_json()).fingerprint == space.fingerprint
    from search_spaces.encoders.grid import grid, size

    count = size(space, 2)
    if count <= 500:
        configs = list(grid(space, 2))
        assert len({space.key(config) for config in configs}) == len(configs) == count
