"""Conditions: when they hold, nested ones, and those that no space accepts."""

import math

import pytest

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
from search_spaces.conditions import condition_from_json

LAYERS = Int(name="layers", low=1, high=4)
KIND = Choice(name="kind", options=["a", "b", True, 2])


@pytest.mark.parametrize(
    ("condition", "config", "holds"),
    [
        (Is("kind", "a"), {"kind": "a"}, True),
        (Is("kind", "a"), {"kind": "b"}, False),
        (Is("kind", "a"), {}, False),  # an absent parent: nothing on it holds
        (Is("kind", True), {"kind": 1}, False),
        (Is("kind", 2), {"kind": 2.0}, True),
        (Is("kind", [1, 2]), {"kind": [1, 2]}, True),
        (OneOf("kind", ["a", "b"]), {"kind": "b"}, True),
        (OneOf("kind", ["a", "b"]), {"kind": "c"}, False),
        (AtLeast("layers", 3), {"layers": 3}, True),
        (AtLeast("layers", 3), {"layers": 2}, False),
        (AtMost("layers", 3), {"layers": 3}, True),
        (AtMost("layers", 3), {"layers": 4}, False),
        (AtLeast("layers", 3), {"layers": "many"}, False),
        (AllOf(AtLeast("layers", 3), Is("kind", "a")), {"layers": 3, "kind": "a"}, True),
        (AllOf(AtLeast("layers", 3), Is("kind", "a")), {"layers": 3, "kind": "b"}, False),
        (AllOf(AtLeast("layers", 3), Is("kind", "a")), {"layers": 3}, False),
    ],
)
def test_holds(condition, config, holds):
    assert condition.holds(config) is holds
    assert condition_from_json(condition.to_json()) == condition


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: AtLeast("n", "3"), r"a bound on 'n' must be a number, got '3'"),
        (lambda: AtMost("n", True), r"a bound on 'n' must be a number, got True"),
        (lambda: OneOf("n", []), r"OneOf needs at least one value of 'n'"),
        (lambda: AtLeast("n", math.nan), r"a bound on 'n' must be a finite number, got nan"),
        (lambda: OneOf("n", "abc"), r"OneOf takes a list of values of 'n', got 'abc': use Is"),
        (lambda: OneOf("n", 3), r"OneOf takes a list of values of 'n', got 3: use Is"),
        (lambda: Is("n", object()), r"compares 'n' with a JSON value, but JSON has no object"),
        (lambda: OneOf("n", [math.inf]), r"compares 'n' with a JSON value, but JSON has no inf"),
        (lambda: Is(3, "n"), r"names another parameter by its text, got 3: Is\('optimizer', ...\)"),
        (lambda: OneOf(None, ["n"]), r"names another parameter by its text, got None: OneOf"),
        (lambda: AllOf(Is("n", 1)), r"AllOf joins two conditions or more, got 1: one is used"),
        (lambda: AllOf([Is("n", 1), Is("m", 1)]), r"AllOf joins conditions, .*, got \[Is\("),
        (lambda: AllOf(Is("n", 1), "m"), r"AllOf joins conditions, .*, got 'm'"),
        (lambda: condition_from_json({"was": ["n", 1]}), r"a condition is one of is, one_of"),
        (lambda: condition_from_json({"is": ["n"]}), r"a condition is .*, got \{'is': \['n'\]\}"),
        (lambda: condition_from_json(3), r"a condition is one of is, one_of.*, got 3"),
    ],
)
def test_bad_conditions_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def on(name, when, **more):
    return Float(name=name, low=0, high=1, when=when, **more)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ([LAYERS, LAYERS], r"names must differ, but space 's' has 'layers' twice: rename"),
        (
            [LAYERS, on("x", AtLeast("layer", 2))],
            r"^x: its condition 'layer >= 2' is on an unknown parameter 'layer': did you mean 'lay",
        ),
        ([LAYERS, on("x", AtLeast("layers", 5))], r"^x: .* can never hold, layers is 1 … 4"),
        ([LAYERS, on("x", Is("layers", 2.5))], r"^x: .*can never hold"),
        ([KIND, on("x", Is("kind", "c"))], r"^x: .*can never hold, kind is a, b, True, 2"),
        ([KIND, on("x", OneOf("kind", ["a", "bb"]))], r"names 'bb', which kind does not have: did"),
        ([KIND, on("x", AtLeast("kind", 2))], r"^kind: 'kind >= 2' compares numbers"),
        (
            [on("y", None), on("x", Is("y", 0.5))],
            r"^y: a condition on a continuous parameter needs AtLeast or AtMost, got 'y is 0.5'",
        ),
        ([on("x", AtLeast("x", 0.5))], r"must not form a circle.*: x → x: drop one"),
        (
            [on("x", AtLeast("y", 0.5)), on("y", AtLeast("z", 0.5)), on("z", AtLeast("x", 0.5))],
            r"must not form a circle, but in space 's' they do: x → y → z → x",
        ),
        (["layers"], r"space 's' is made of Float, Int, Choice and Fixed, got 'layers'"),
        (LAYERS, r"space 's' is made of a list of parameters, got Int\(.*SearchSpace\(name, \["),
        (None, r"space 's' is made of a list of parameters, got None"),
        ("layers", r"space 's' is made of a list of parameters, got 'layers'"),
        (
            [LAYERS, on("x", OneOf("layers", [2, 7]))],
            r"^x: .* names '7', which layers does not have: it is 1 … 4",
        ),
        (
            [LAYERS, on("x", AllOf(AtLeast("layers", 3), AtMost("layers", 2)))],
            r"^x: takes part only when 'layers >= 3' and 'layers <= 2' hold together, which can",
        ),
        (
            [
                Int(name="odd", low=1, high=9, step=2),
                on("x", AllOf(AtLeast("odd", 4), AtMost("odd", 4.5))),
            ],
            r"^x: takes part only when 'odd >= 4' and 'odd <= 4.5' hold together",
        ),
        (
            [LAYERS, on("x", AllOf(OneOf("layers", [1, 2]), AtLeast("layers", 3)))],
            r"^x: takes part only when 'layers is 1 or 2' and 'layers >= 3' hold together",
        ),
        (  # its parent takes part with another option than it asks for itself
            [KIND, on("y", Is("kind", "a")), on("x", AllOf(AtLeast("y", 0.5), Is("kind", "b")))],
            r"^x: takes part only when 'kind is b' and 'kind is a' hold together",
        ),
    ],
)
def test_spaces_refuse_what_cannot_hold_together(parameters, match):
    with pytest.raises(ValueError, match=match):
        SearchSpace("s", parameters)


@pytest.mark.parametrize(
    "when",
    [
        AllOf(AtLeast("layers", 2), AtMost("layers", 3)),
        AllOf(AtLeast("layers", 1.5), AtMost("layers", 2.5)),
        AllOf(OneOf("layers", [1, 4]), AtLeast("layers", 2)),
        AllOf(OneOf("kind", ["a", "b"]), Is("kind", "b"), AtMost("layers", 1)),
        AllOf(AtLeast("rate", 0.5), AtMost("rate", 0.5)),
    ],
)
def test_conditions_that_hold_together_are_taken(when):
    space = SearchSpace("s", [LAYERS, KIND, on("rate", None), on("x", when)])
    assert space["x"].when == when


def test_a_space_needs_a_name():
    with pytest.raises(ValueError, match=r"a space needs a name, got ''"):
        SearchSpace("", [LAYERS])


def test_conditions_nest_and_parents_may_come_later():
    space = SearchSpace(
        "s",
        [
            on("leaf", AtLeast("branch", 3)),
            Int(name="branch", low=1, high=4, when=Is("root", True)),
            Choice(name="root", options=[False, True]),
        ],
    )
    assert space.decode({"leaf": 0.5, "branch": 1.0, "root": 1}) == {
        "leaf": 0.5,
        "branch": 4,
        "root": True,
    }
    assert space.decode({"leaf": 0.5, "branch": 0.0, "root": 1}) == {"branch": 1, "root": True}
    # the leaf's own condition would hold, but its parent is absent
    assert space.decode({"leaf": 0.5, "branch": 1.0, "root": 0}) == {"root": False}
    assert [p.name for p in space.order] == ["root", "branch", "leaf"]
    assert list(space.decode({"leaf": 0.5, "branch": 1.0, "root": 1})) == list(space.names)


def test_a_condition_on_a_fixed_parameter_is_settled():
    settled = Fixed(name="kind", value="a")
    space = SearchSpace("s", [settled, on("x", Is("kind", "a")), on("y", Is("kind", "b"))])
    assert space.default() == {"kind": "a", "x": 0.5}
