"""What the contract does not see: shapes in each backend, injected trials, refusals."""

import subprocess
import sys

import hyperopt
import numpy as np
import optuna
import pytest

import search_spaces
from search_spaces import AtLeast, AtMost, Choice, Fixed, Float, Int, Is, SearchSpace
from search_spaces.encoders import hyperopt_encoder, optuna_encoder, ray_encoder
from search_spaces.encoders.grid import grid, size

MLP = search_spaces.get("mlp")
FLAT = SearchSpace(
    "flat",
    [
        Float(name="rate", low=1e-4, high=1.0, scale="log"),
        Int(name="layers", low=2, high=4),
        Choice(name="shape", options=[[32], [32, 64]]),
        Choice(name="mixed", options=[True, 1, "x", None]),
        Fixed(name="seed", value=3),
    ],
)


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


# -- grid


def test_grid_by_hand():
    space = SearchSpace(
        "s",
        [
            Float(name="rate", low=1e-4, high=1.0, scale="log"),
            Int(name="layers", low=2, high=4),
            Float(name="third", low=0, high=1, when=AtLeast("layers", 3)),
        ],
    )
    configs = list(grid(space, 3))
    # 3 rates x (layers 2: 1, layers 3 and 4: 3 each) = 3 x 7
    assert len(configs) == size(space, 3) == 21
    assert configs[:3] == [
        {"rate": 1e-4, "layers": 2},
        {"rate": 1e-4, "layers": 3, "third": 0.0},
        {"rate": 1e-4, "layers": 3, "third": 0.5},
    ]
    assert sorted({config["rate"] for config in configs}) == pytest.approx([1e-4, 1e-2, 1.0])


def test_grid_of_one_point_is_the_middle():
    assert [c["rate"] for c in grid(FLAT.drop("shape", "mixed", "layers"), 1)] == [
        pytest.approx(0.01)
    ]


def test_grid_gives_no_value_twice():
    units = SearchSpace("s", [Int(name="units", low=1, high=6, scale="log")])
    assert [config["units"] for config in grid(units, 5)] == [1, 2, 3, 6]  # 0.95, 1.8, 3.4 rounded
    assert size(units, 5) == 4
    assert size(units, 100) == 6


def test_grid_refuses_when_it_explodes():
    # lr, momentum, dropout: 3 each; batch 5; activation 3; weight decay 1 + 3; units per layer 3:
    # 27 · 5 · 3 · 4 · (9 + 27 + 81) = 189,540
    assert size(MLP, 3) == 189_540
    with pytest.raises(ValueError, match=r"3 points an axis over space 'mlp' has 189,540 .*fewer"):
        grid(MLP, 3)
    assert len(list(grid(MLP.tiers(1), 7))) == 7


@pytest.mark.parametrize("points", [0, -1, 1.5, True])
def test_grid_refuses_points(points):
    with pytest.raises(ValueError, match=r"points an axis must be a whole number, 1 or more, got"):
        size(MLP, points)


def test_size_of_a_large_grid_is_found_without_making_it():
    wide = SearchSpace("w", [Choice(name=f"c{i}", options=list(range(10))) for i in range(40)])
    assert size(wide, 1) == 10**40


# -- Ray


def test_ray_domains_are_coordinates():
    domains = ray_encoder.encode(FLAT)
    assert list(domains) == ["rate", "layers", "shape", "mixed"]
    assert domains["mixed"].categories == [0, 1, 2, 3]
    drawn = {name: domain.sample() for name, domain in domains.items()}
    FLAT.validate(ray_encoder.decode(FLAT, drawn))


# -- Optuna


def test_fixed_distributions_exist_only_without_conditions():
    assert optuna_encoder.distributions(MLP) is None
    found = optuna_encoder.distributions(FLAT)
    assert list(found) == ["rate", "layers", "shape", "mixed"]
    assert found["layers"] == optuna.distributions.IntDistribution(0, 2)


@pytest.mark.parametrize("multivariate", [True, False])
def test_samplers_of_optuna_take_the_space(multivariate):
    sampler = optuna.samplers.TPESampler(
        seed=0, multivariate=multivariate, group=multivariate, n_startup_trials=3
    )
    for space in (FLAT, MLP):
        study = optuna.create_study(sampler=sampler)
        for number in range(8):
            trial = study.ask(optuna_encoder.distributions(space))
            space.validate(optuna_encoder.suggest(space, trial))
            study.tell(trial, float(number))


def test_an_enqueued_configuration_comes_back():
    config = MLP.fill({"hidden_layers": 3, "units_3": 77, "learning_rate": 0.03})
    study = optuna.create_study()
    study.enqueue_trial(optuna_encoder.to_params(MLP, config)[0])
    assert MLP.same(optuna_encoder.suggest(MLP, study.ask()), config)


def test_natural_units_for_the_history():
    config = FLAT.default() | {"shape": [32, 64], "mixed": 1}
    assert optuna_encoder.natural_params(FLAT, config) == {
        "rate": 0.01,
        "layers": 3,
        "shape": "[32, 64]",
        "mixed": "1",  # True and 1 are the same to Optuna
        "seed": 3,
    }
    found = optuna_encoder.natural_distributions(FLAT, config)
    assert found["rate"] == optuna.distributions.FloatDistribution(1e-4, 1.0, log=True)
    assert found["layers"] == optuna.distributions.IntDistribution(2, 4)
    assert found["shape"].choices == ("[32]", "[32, 64]")
    assert found["mixed"].choices == ("true", "1", '"x"', "null")
    momentum = optuna_encoder.natural_distributions(MLP, MLP.default())["momentum"]
    assert momentum == optuna.distributions.FloatDistribution(0.9, 0.999)
    assert "units_3" not in optuna_encoder.natural_distributions(MLP, MLP.default())


def test_optuna_encoder_refuses_what_is_none_of_the_space():
    with pytest.raises(ValueError, match=r"did you mean 'learning_rate'"):
        optuna_encoder.from_params(MLP, {"learning_rat": 0.5})
    with pytest.raises(ValueError, match=r"^momentum: must be in"):
        optuna_encoder.to_params(MLP, MLP.default() | {"momentum": 2})
    with pytest.raises(ValueError, match=r"^momentum: must be in"):
        optuna_encoder.natural_distributions(MLP, MLP.default() | {"momentum": 2})


# -- HyperOpt


def test_vals_by_hand():
    space = SearchSpace(
        "s",
        [
            Choice(name="optimizer", options=["adam", "sgd"]),
            Float(name="momentum", low=0.0, high=1.0, when=Is("optimizer", "sgd")),
            Int(name="width", low=1, high=4),
            Float(name="wide", low=0.0, high=2.0, when=AtLeast("width", 3)),
            Float(name="thin", low=0.0, high=2.0, when=AtLeast("width", 2)),
        ],
    )
    # width has the branches 1, 2 and 3-4: the last one of half the draws, with a place inside
    vals = hyperopt_encoder.to_vals(
        space, {"optimizer": "sgd", "momentum": 0.25, "width": 4, "wide": 0.5, "thin": 1.0}
    )
    assert vals == {
        "optimizer": [1],
        "momentum": [0.25],
        "width": [2],
        "width:2": [pytest.approx(0.75)],
        "wide": [0.25],
        "thin": [0.5],
    }
    vals = hyperopt_encoder.to_vals(space, {"optimizer": "adam", "width": 1})
    assert vals == {
        "optimizer": [0],
        "momentum": [],
        "width": [0],
        "width:2": [],
        "wide": [],
        "thin": [],
    }


def test_labels_are_those_of_hyperopts_domain():
    for name in search_spaces.names():
        space = search_spaces.get(name)
        domain = hyperopt.Domain(lambda sampled: 0.0, hyperopt_encoder.encode(space))
        assert set(domain.params) == set(hyperopt_encoder.to_vals(space, space.default()))


@pytest.mark.parametrize("name", search_spaces.names())
def test_what_hyperopt_suggests_is_read_as_hyperopt_reads_it(name):
    space = search_spaces.get(name)
    encoded = hyperopt_encoder.encode(space)
    domain = hyperopt.Domain(lambda sampled: 0.0, encoded)
    for seed in range(20):
        (document,) = hyperopt.rand.suggest([seed], domain, hyperopt.Trials(), seed)
        vals = document["misc"]["vals"]
        point = {label: found[0] for label, found in vals.items() if found}
        theirs = hyperopt_encoder.decode(space, hyperopt.space_eval(encoded, point))
        assert hyperopt_encoder.from_vals(space, vals) == theirs


@pytest.mark.parametrize("value", [0.3, 0.29999, 0.30001, 0.0, 1.0])
def test_a_value_at_a_cut_keeps_its_branch(value):
    space = SearchSpace(
        "s",
        [
            Float(name="rate", low=0.0, high=1.0),
            Float(name="late", low=0.0, high=1.0, when=AtLeast("rate", 0.3)),
        ],
    )
    config = space.fill({"rate": value})
    vals = hyperopt_encoder.to_vals(space, config)
    assert bool(vals["late"]) is (vals["rate"] == [1]) is ("late" in config)
    point = {label: found[0] for label, found in vals.items() if found}
    back = hyperopt.space_eval(hyperopt_encoder.encode(space), point)
    assert space.same(hyperopt_encoder.decode(space, back), config)


def test_the_point_where_two_bounds_meet_is_refused_as_a_start_and_harmless_to_learn_from():
    space = SearchSpace(
        "s",
        [
            Float(name="rate", low=0.0, high=1.0),
            Float(name="above", low=0.0, high=1.0, when=AtLeast("rate", 0.5)),
            Float(name="below", low=0.0, high=1.0, when=AtMost("rate", 0.5)),
        ],
    )
    there = space.fill({"rate": 0.5})
    assert set(there) == {"rate", "above", "below"}
    meet = (
        r"^rate: HyperOpt cannot start at exactly 0.5, where 'rate >= 0.5' and 'rate <= 0.5' meet"
    )
    with pytest.raises(ValueError, match=meet):
        hyperopt_encoder.initial_trials(space, [there])
    for rate in (0.0, 0.49, 0.51, 1.0):
        assert len(hyperopt_encoder.initial_trials(space, [space.fill({"rate": rate})])) == 1
    assert hyperopt_encoder.to_vals(space, there)["rate"] == [0]


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_injected_trials_are_used_by_tpe_and_proposals_stay_valid(name):
    """25 known trials, good ones with the first option of everything: TPE must lean there."""
    space = search_spaces.get(name)
    encoded = hyperopt_encoder.encode(space)
    domain = hyperopt.Domain(lambda sampled: 0.0, encoded)
    rng = np.random.default_rng(3)
    configs = [space.sample(rng) for _ in range(60)]
    trials = hyperopt_encoder.initial_trials(space, configs)
    for document, config in zip(trials.trials, configs, strict=True):
        document["state"] = hyperopt.JOB_STATE_DONE
        document["result"] = {
            "status": hyperopt.STATUS_OK,
            "loss": abs(space["learning_rate"].encode(config["learning_rate"]) - 0.2),
        }
    trials.refresh()
    proposed = []
    for number in range(25):
        document = hyperopt.tpe.suggest(
            trials.new_trial_ids(1), domain, trials, number, verbose=False
        )[0]
        point = hyperopt.base.spec_from_misc(document["misc"])
        config = hyperopt_encoder.decode(space, hyperopt.space_eval(encoded, point))
        space.validate(config)
        labels = hyperopt_encoder.to_vals(space, config)
        active = {label for label, found in labels.items() if found}
        assert active == {label for label, found in document["misc"]["vals"].items() if found}
        proposed.append(space["learning_rate"].encode(config["learning_rate"]))
    # uniform proposals would lie 0.34 from 0.2 on average
    assert np.mean(np.abs(np.array(proposed) - 0.2)) < 0.17


def test_points_come_first_in_fmin_and_tpe_goes_on():
    points = [MLP.default(), MLP.fill({"hidden_layers": 4, "units_4": 51})]
    seen = []

    def objective(sampled):
        seen.append(hyperopt_encoder.decode(MLP, sampled))
        return float(len(seen))

    hyperopt.fmin(
        objective,
        hyperopt_encoder.encode(MLP),
        algo=hyperopt.tpe.suggest,  # random for 20 trials, a surrogate for the rest
        max_evals=26,
        trials=hyperopt_encoder.initial_trials(MLP, points),
        rstate=np.random.default_rng(0),
        show_progressbar=False,
    )
    assert len(seen) == 26
    assert MLP.same(seen[0], points[0])
    assert MLP.same(seen[1], points[1])
    for config in seen:
        MLP.validate(config)


# -- imports


@pytest.mark.parametrize(
    "forbidden", ["ray", "optuna", "hyperopt", "torch", "plotly", "scipy", "rich", "pipelines"]
)
def test_search_spaces_imports_numpy_only(forbidden):
    code = "import search_spaces, sys; search_spaces.get('mlp'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert forbidden not in loaded
