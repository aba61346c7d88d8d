"""fastinit.insight: that its numbers follow the theory, and that its pictures show them."""

import doctest
import errno
import importlib
import io
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import fastinit
from fastinit import drawing, files, insight
from fastinit.__main__ import main
from fastinit.insight import cases, propagation, table

PAGE = Path(__file__).parent.parent / "docs" / "schemes.md"
EVERY_ACTIVATION = list(propagation.ACTIVATIONS)
WIDTH = 32
HISTOGRAMS = insight.scheme_histograms()


@pytest.fixture(scope="module")
def small():
    return [insight.signal_propagation(s, "relu", 5, 16) for s in ("zeros", "he_normal", "xavier_normal")] + [
        insight.signal_propagation("he_normal", "tanh", 5, 16)
    ]


# ---- Signals and gradients -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "factor"),
    [
        ("he_normal", 1),
        ("xavier_normal", 1 / 2),
        (cases.normal(0.01), WIDTH * 0.01**2 / 2),
        (cases.normal(1.0), WIDTH / 2),
    ],
)
def test_each_relu_layer_multiplies_the_second_moment_as_theory_says(scheme, factor):
    depth, seeds = 50, range(12)
    runs = [insight.signal_propagation(scheme, "relu", depth, WIDTH, seed) for seed in seeds]
    # One layer's second moment over the last one's has the variance 5 / width, so its logarithm the mean -2.5 / width.
    # Over the inputs, gradients differ more than signals do, and some of this averages out; the tolerance holds it.
    spread = math.sqrt(5 * depth / WIDTH / len(runs))
    expected = depth * (math.log(factor) - 2.5 / WIDTH)
    # Four standard errors (p < 1e-4), fixed seeds: 3.2, where halving would be 35.
    assert np.mean([2 * np.log(run.activations.rms[-1]) for run in runs]) == pytest.approx(expected, abs=4 * spread)
    expected = (depth - 1) * (math.log(factor) - 2.5 / WIDTH)
    assert np.mean([2 * np.log(run.gradients.rms[0]) for run in runs]) == pytest.approx(expected, abs=4 * spread)


def test_weights_too_large_saturate_tanh_and_explode_its_gradients():
    run = insight.signal_propagation(cases.normal(3.0), "tanh", width=WIDTH)
    assert run.activations.rms.min() > 0.9
    assert run.gradients.rms[0] > 1e15


def test_deep_sigmoids_forget_their_inputs_though_their_spread_stays():
    run = insight.signal_propagation("xavier_normal", "sigmoid", width=WIDTH)
    assert run.activations.std[-1] > 0.05
    assert run.activations.input_spread[-1] < 1e-12
    assert run.gradients.rms[0] < 1e-25


@pytest.mark.parametrize("activation", EVERY_ACTIVATION)
@pytest.mark.parametrize("scheme", ["zeros", cases.mean_of_inputs])
def test_equal_weights_leave_all_units_equal(scheme, activation):
    run = insight.signal_propagation(scheme, activation, 10, 32)
    assert run.activations.unit_spread.max() < 1e-12
    assert run.gradients.unit_spread[:-1].max() < 1e-12
    assert run.gradients.unit_spread[-1] > 0.9


def test_orthogonal_layers_keep_signals_and_gradients_exactly():
    run = insight.signal_propagation("orthogonal", "linear", width=32)
    for moments in (run.activations, run.gradients):
        assert moments.rms == pytest.approx(moments.rms[0], rel=1e-12)


@pytest.mark.parametrize("scheme", ["lecun_normal", "lasagne_normal", "glorot_normal"])
def test_schemes_that_the_legend_calls_equal_are_equal(scheme):
    xavier, other = (insight.signal_propagation(s, "tanh", 3, 16) for s in ("xavier_normal", scheme))
    assert np.array_equal(xavier.activations.std, other.activations.std)


@pytest.mark.parametrize("activation", EVERY_ACTIVATION)
def test_gradients_are_those_of_finite_differences(activation):
    weights = {}

    def fill(generator, out, stream):
        weights[stream] = generator.xavier_normal(out, layout="torch", stream=stream).copy()

    # With 12 units no input leaves all rectifiers of a layer at their kink.
    run = insight.signal_propagation(fill, activation, 3, 12, seed=5)
    assert list(weights) == ["weight.1", "weight.2", "weight.3"]
    function, _ = propagation.ACTIVATIONS[activation]
    generator, step = fastinit.Generator(5), 1e-6
    signal, read_out = (generator.normal(np.empty((12, propagation.INPUTS)), stream=s) for s in ("input", "gradient"))
    first = function(weights["weight.1"] @ signal)

    def loss(y):
        return (read_out * function(weights["weight.3"] @ function(weights["weight.2"] @ y))).sum(axis=0)

    shifts = step * np.eye(12)[:, :, np.newaxis]
    gradient = np.array([(loss(first + shift) - loss(first - shift)) / (2 * step) for shift in shifts])
    assert run.activations.rms[0] == pytest.approx(np.sqrt(np.mean(first**2)), rel=1e-12)
    assert run.gradients.rms[0] == pytest.approx(np.sqrt(np.mean(gradient**2)), rel=1e-6)
    assert run.gradients.unit_spread[0] == pytest.approx(np.sqrt(gradient.var(axis=0).mean()), rel=1e-6)
    assert run.gradients.input_spread[0] == pytest.approx(np.sqrt(gradient.var(axis=1).mean()), rel=1e-6)


def test_same_seed_gives_the_same_numbers_and_another_seed_others():
    runs = [insight.signal_propagation("he_uniform", "relu", 3, 16, seed) for seed in (1, 1, 2)]
    assert np.array_equal(runs[0].gradients.std, runs[1].gradients.std)
    assert not np.array_equal(runs[0].gradients.std, runs[2].gradients.std)


def test_overflow_gives_inf_or_nan_without_a_warning():
    run = insight.signal_propagation(cases.normal(1e30), "relu", 15, 16)
    assert not np.isfinite(run.activations.rms[-1])


@pytest.mark.parametrize(
    ("arguments", "error", "parts"),
    [
        ({"scheme": "he"}, ValueError, ("scheme='he'", "he_normal", "zeros", "fill(generator, out, stream)")),
        ({"activation": "swish"}, ValueError, ("activation='swish'", "tanh", "sigmoid", "relu")),
        ({"depth": 0}, ValueError, ("depth=0", "positive integer")),
        ({"width": -3}, ValueError, ("width=-3",)),
        ({"depth": 2.0}, TypeError, ("depth", "integer", "float")),
        ({"width": True}, TypeError, ("width", "integer", "bool")),
        ({"seed": -1}, ValueError, ("seed=-1",)),
    ],
)
def test_bad_arguments_are_named_with_what_is_accepted(arguments, error, parts):
    with pytest.raises(error) as raised:
        insight.signal_propagation(**{"scheme": "he_normal", "activation": "relu", **arguments})
    assert all(part in str(raised.value) for part in parts)


# ---- Histograms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("histogram", HISTOGRAMS, ids=lambda histogram: histogram.call)
def test_draws_follow_the_density_that_is_drawn_over_them(histogram):
    widths = np.diff(histogram.edges)
    inside = (np.arange(1000) + 0.5) / 1000 * widths[:, np.newaxis] + histogram.edges[:-1, np.newaxis]
    expected = histogram.density(inside).mean(axis=1) * widths * histogram.draws
    counts = histogram.heights * widths * histogram.draws
    assert expected.sum() == pytest.approx(histogram.draws, rel=1e-3)
    assert not counts[expected == 0].any()
    told = expected > 10
    statistic = ((counts - expected)[told] ** 2 / expected[told]).sum()
    assert stats.chi2.sf(statistic, told.sum() - 1) > 1e-4  # a fixed seed


@pytest.mark.parametrize(
    ("call", "variance"),
    [
        ("xavier_uniform()", 2 / 640),
        ("he_normal(truncated=True)", 2 / 512),
        ("lecun_normal()", 1 / 512),
        ("lasagne_uniform(gain='relu')", 4 / 640),
        ("variance_scaling(scale=0.5, mode='fan_out')", 0.5 / 128),
        ("orthogonal()", 1 / 512),
    ],
)
def test_density_has_the_variance_of_the_formula(call, variance):
    density = next(h.density for h in HISTOGRAMS if h.call == call)
    x = np.linspace(-1, 1, 200_001)[1:-1]
    assert (density(x) * x**2).sum() * 1e-5 == pytest.approx(variance, rel=1e-3)


# ---- Pictures --------------------------------------------------------------------------------------------------------


def test_propagation_has_a_column_for_each_activation_and_a_line_for_each_scheme(small):
    figure = insight.plot_propagation(small)
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["relu", "tanh"]
    assert len(figure.axes) == 6
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    assert [len(axes.lines) for axes in figure.axes] == [2, 1] * 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["he_normal", "xavier_normal"]
    he = small[1]
    drawn = [figure.axes[i].lines[0].get_ydata() for i in (0, 2, 4)]
    assert np.array_equal(drawn, [he.activations.std, he.activations.input_spread, he.gradients.std])


def test_histograms_have_a_panel_for_each_scheme():
    figure = insight.plot_histograms(HISTOGRAMS[:4])
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4 + [False] * 2
    for axes, histogram in zip(figure.axes, HISTOGRAMS[:4], strict=False):
        assert axes.get_title() == f"{histogram.call}\n{histogram.formula}"
        assert np.array_equal(axes.patches[0].get_data().values, histogram.heights)


@pytest.mark.parametrize("plot", [insight.plot_propagation, insight.plot_histograms])
def test_nothing_to_draw_is_refused(plot):
    with pytest.raises(ValueError, match="is empty; accepted is at least one"):
        plot([])


# ---- The command -----------------------------------------------------------------------------------------------------


def test_command_writes_the_pictures_that_it_names(tmp_path):
    out = io.StringIO()
    insight.run(tmp_path, depth=3, width=8, out=out)
    lines = out.getvalue().splitlines()
    written = set(tmp_path.iterdir())
    assert {Path(line) for line in lines if line.endswith(".svg")} == written
    assert {path.name for path in written} == {"failures.svg", "schemes.svg", "histograms.svg"}
    assert all("<svg" in path.read_text(encoding="utf-8") for path in written)
    assert max(map(len, lines[len(written) :])) <= 110


@pytest.fixture
def empty_pictures(monkeypatch):
    """For what becomes of the pictures; to draw them takes seconds."""
    for plot in ("plot_propagation", "plot_histograms"):
        monkeypatch.setattr(insight, plot, lambda values: drawing.figure_class()())


def test_picture_that_cannot_be_written_keeps_no_other_from_it(tmp_path, monkeypatch, empty_pictures):
    def full(target, content):
        if target.name == "failures.svg":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(target, content)

    write = files.write
    monkeypatch.setattr(files, "write", full)
    out = io.StringIO()
    with pytest.raises(OSError, match=r"^not every picture is written: failures.svg: No space left on device$"):
        insight.run(tmp_path, depth=3, width=8, out=out)
    assert {path.name for path in tmp_path.iterdir()} == {"schemes.svg", "histograms.svg"}
    assert [Path(line).name for line in out.getvalue().splitlines()[:2]] == ["schemes.svg", "histograms.svg"]
    assert "std of the gradients at the first layer" in " ".join(out.getvalue().split())


def test_mistake_in_one_picture_is_raised_after_the_others_are_written(tmp_path, monkeypatch, empty_pictures):
    monkeypatch.setattr(insight, "plot_histograms", lambda histograms: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        insight.run(tmp_path, depth=3, width=8, out=io.StringIO())
    assert {path.name for path in tmp_path.iterdir()} == {"failures.svg", "schemes.svg"}


def test_interrupted_command_keeps_the_pictures_that_are_complete(tmp_path, monkeypatch, empty_pictures):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(insight, "scheme_histograms", interrupt)
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        insight.run(tmp_path, depth=3, width=8, out=out)
    named = [Path(line) for line in out.getvalue().splitlines()]
    assert named == [tmp_path / "failures.svg", tmp_path / "schemes.svg"]
    assert set(tmp_path.iterdir()) == set(named)
    assert all(path.read_text(encoding="utf-8").endswith("</svg>\n") for path in named)


@pytest.mark.parametrize("name", insight.PICTURES)
def test_picture_whose_name_a_folder_has_is_refused_before_anything_is_measured(tmp_path, monkeypatch, name):
    monkeypatch.setattr(insight, "signal_propagation", lambda *_: pytest.fail("measured"))
    (tmp_path / name).mkdir()
    with pytest.raises(OSError, match=f"cannot write .*{name}: it is a folder"):
        insight.run(tmp_path)


def in_the_way(kind, place):
    """Makes something by that name that no picture can be written into."""
    if kind == "a file":
        place.touch()
    elif kind == "a pipe":
        os.mkfifo(place)
    elif kind == "a link to nothing":
        place.symlink_to("nothing")
    elif kind == "Not a directory":
        place.parent.rmdir()
        place.parent.touch()
    else:
        place.mkdir(0o500)


@pytest.mark.skipif(os.name == "nt", reason="pipes, links and permissions of this kind")
@pytest.mark.parametrize("kind", ["a file", "a pipe", "a link to nothing", "Not a directory", "Permission denied"])
def test_what_is_no_folder_to_write_into_is_refused_in_one_line(tmp_path, kind):
    (tmp_path / "in").mkdir()
    place = tmp_path / "in" / "a\x1b[2J\n"
    in_the_way(kind, place)
    if kind == "Permission denied" and os.access(place, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OSError, match=kind) as raised:
        insight.make_folder(place)
    message = str(raised.value)
    assert message.isprintable()
    assert message.startswith("cannot write into the folder ")


def test_new_folder_and_its_parents_are_made(tmp_path):
    insight.make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_picture_replaces_a_file_when_it_is_whole_and_not_before(tmp_path, small, monkeypatch):
    picture = tmp_path / "old.svg"
    picture.write_text("old", encoding="utf-8")
    figure = insight.plot_propagation(small)
    with monkeypatch.context() as patched:
        patched.setattr(type(figure), "savefig", lambda self, to, **_: (to.write(b"<svg"), 1 / 0))
        with pytest.raises(ZeroDivisionError):
            drawing.save(figure, picture)
    assert picture.read_text(encoding="utf-8") == "old"
    drawing.save(insight.plot_propagation(small), picture)
    drawing.save(insight.plot_propagation(small), text := io.StringIO())
    assert picture.read_text(encoding="utf-8") == text.getvalue()
    assert list(tmp_path.iterdir()) == [picture]


def test_same_picture_is_the_same_file(tmp_path, small):
    paths = [tmp_path / "first.svg", tmp_path / "second.svg"]
    for path in paths:
        drawing.save(insight.plot_propagation(small), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_command_makes_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(insight, "run", lambda folder: (folder / "here").touch())
    assert main(["insight", "--out", str(tmp_path / "new" / "folder")]) == 0
    assert (tmp_path / "new" / "folder" / "here").exists()


def test_command_without_a_folder_exits_with_2():
    with pytest.raises(SystemExit, match="2"):
        main(["insight"])


def test_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["insight", "--out", str(tmp_path / "file")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert str(tmp_path / "file") in printed.err


def test_missing_matplotlib_is_named_with_its_extra(tmp_path, capsys, monkeypatch, small):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'fastinit-weights[plot]'")):
        insight.plot_propagation(small)
    assert main(["insight", "--out", str(tmp_path / "new")]) == 2
    assert "pip install 'fastinit-weights[plot]'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("module", "left_out"), [("fastinit", "fastinit.insight"), ("fastinit.insight", "matplotlib")])
def test_importing_leaves_out_what_only_pictures_need(module, left_out):
    code = f"import sys, {module}; sys.exit({left_out!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- What is written about it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["propagation", "histograms", "figures"])
def test_examples_print_what_they_show(name):
    failures, tried = doctest.testmod(importlib.import_module(f"fastinit.insight.{name}"))
    assert tried
    assert not failures


@pytest.mark.parametrize("name", [name for name in insight.__all__ if name.islower()])
def test_every_function_documents_its_arguments_errors_and_an_example(name):
    for part in ("Parameters\n", "Returns\n", "Raises\n", "Examples\n"):
        assert part in getattr(insight, name).__doc__


def test_page_shows_pictures_that_are_there_and_numbers_that_are_measured():
    page = PAGE.read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^]]+\]\((images/\w+\.svg)\)", page)
    assert len(pictures) == 3
    assert all((PAGE.parent / picture).exists() for picture in pictures)
    shown = re.search(r"```text\n( +-.*?)```", page, re.S)[1]
    for label, fill in cases.schemes("relu").items():
        run = replace(insight.signal_propagation(fill, "relu"), scheme=label)
        lines = [line for line in f"{shown}\n{table.text([run], 256)}".splitlines() if line.startswith(label)]
        there, measured = ([float(number) for number in line.split()[-3:]] for line in lines)
        assert there == pytest.approx(measured, rel=0.05)  # another machine's matrix products round differently
