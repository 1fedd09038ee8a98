"""The picture of what each scale samples."""

import pytest

import search_spaces
from search_spaces import AtLeast, Choice, Fixed, Float, Int, Is, SearchSpace, plot

RATE = Float(name="rate", low=1e-4, high=1.0, scale="log")
ODD = SearchSpace(
    "odd",
    [
        RATE,
        Choice(name="any", options=[None, True, 1, "ä", [1, [2]], {"a": None}]),
        Int(name="n", low=1, high=9, step=2, when=Is("any", {"a": None})),
        Int(name="units", low=1, high=1000, scale="log"),
        Float(name="never", low=0.0, high=1.0, when=AtLeast("rate", 1.0)),
        Fixed(name="f", value=3),
    ],
)


def bars(picture):
    return [trace for trace in picture.data if trace.type == "bar"]


def lines(picture):
    return [trace for trace in picture.data if trace.type == "scatter"]


@pytest.mark.parametrize("space", [search_spaces.get("cnn"), ODD], ids=lambda space: space.name)
def test_a_panel_for_every_searched_parameter(space):
    picture = plot.figure(space, draws=300)
    assert len(bars(picture)) == len(space.searched)
    titles = [note.text for note in picture.layout.annotations]
    assert all(p.name in title for p, title in zip(space.searched, titles, strict=True))


def test_every_draw_is_in_a_bar():
    picture = plot.figure(search_spaces.get("mlp"), draws=400)
    for trace in bars(picture):
        assert sum(trace.y) == pytest.approx(100)  # percent of the draws it takes part in
    assert sum(bars(plot.figure(ODD, draws=50))[-1].y) == 0  # "never": nothing, and no division


def test_even_on_its_own_scale_against_the_line_of_a_linear_one():
    picture = plot.figure(SearchSpace("s", [RATE]), draws=20_000)
    (bar,), (line,) = bars(picture), lines(picture)
    # 20,000 draws in 30 bins: 3.33 % each, four standard errors are 0.5
    assert all(abs(height - 100 / 30) < 0.6 for height in bar.y)
    # 30 bins over four decades: the highest begins at 10**(-4/30) = 0.7356, so 26.4 % are above
    assert line.y[-1] == pytest.approx(26.44, abs=0.01)
    assert sum(line.y) == pytest.approx(100)
    assert bar.hovertext[0] == "0.0001 … 0.000135936"


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_whole_numbers_make_no_comb(scale):
    units = Int(name="units", low=10, high=100, scale=scale)  # 91 values in 30 bins
    (bar,) = bars(plot.figure(SearchSpace("s", [units]), draws=20_000))
    assert all(abs(height - 100 / 30) < 0.6 for height in bar.y)


@pytest.mark.parametrize(
    ("parameter", "ticks", "at"),
    [
        (RATE, ("0.0001", "0.001", "0.01", "0.1", "1"), (0, 0.25, 0.5, 0.75, 1)),
        (
            Float(name="beta", low=0.9, high=0.999, scale="log1m"),
            ("0.9", "0.99", "0.999"),
            (0, 0.5, 1),
        ),
        (
            Float(name="x", low=0.0, high=2.0),
            ("0", "0.5", "1", "1.5", "2"),
            (0, 0.25, 0.5, 0.75, 1),
        ),
    ],
)
def test_the_axis_has_natural_values_on_the_scale(parameter, ticks, at):
    axis = plot.figure(SearchSpace("s", [parameter]), draws=10).layout.xaxis
    assert axis.ticktext == ticks
    assert axis.tickvals == pytest.approx(at)


def test_a_range_of_less_than_two_decades_has_ticks_too():
    axis = plot.figure(
        SearchSpace("s", [Float(name="x", low=2.0, high=8.0, scale="log")]), draws=10
    ).layout.xaxis
    assert axis.ticktext == ("2", "2.83", "4", "5.66", "8")


def test_one_file_that_needs_no_network(tmp_path):
    path = tmp_path / "space.html"
    plot.write(ODD, path, draws=50)
    html = path.read_text(encoding="utf-8")
    assert "units, log" in html
    assert "<script src=" not in html


def test_another_ending_than_html_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"written as HTML, got '.*space.png': end it in .html"):
        plot.write(ODD, tmp_path / "space.png")


def test_nothing_to_draw():
    with pytest.raises(ValueError, match=r"space 's' has nothing to draw"):
        plot.figure(SearchSpace("s", [Fixed(name="a", value=1)]))
