"""Every command and every line of code of the README: those that a session file suffices for run, the others parse.

``demo`` and ``pytest`` are run by ``.ci/run`` in checkouts of their own; benchmarks, experiments on images and tests of
real recordings take minutes to hours, so of them it is checked that they are there, with every option named.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from neuromanifold.cli import BENCHMARKS, app
from neuromanifold.experiments import EXPERIMENTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_WORDS = ("neuromanifold ", "pytest ")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Lines of bash blocks, and commands in backticks, without comments."""
    lines = [line.split("  #")[0].strip() for block in blocks("bash") for line in block.splitlines()]
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", README, flags=re.DOTALL | re.MULTILINE))
    return [text for text in dict.fromkeys([*lines, *quoted]) if text.startswith(FIRST_WORDS)]


def words_of(command: str) -> list[str]:
    """The words after the program's name; what a reader fills in (``NAME``, ``…``, ``a | b``) is left out."""
    return [word for word in shlex.split(command)[1:] if word not in ("…", "|")]


@pytest.fixture
def session(tmp_path, monkeypatch) -> Path:
    """An empty folder with the README's ``session.npz``: a minute of sixteen head-direction cells."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    heading = np.mod(np.cumsum(generator.normal(0, 0.2, 1200)), 2 * np.pi)
    preferred = 2 * np.pi * np.arange(16) / 16
    counts = generator.poisson(4 * np.exp(3 * (np.cos(heading[:, None] - preferred) - 1)))
    np.savez("session.npz", counts=counts, head_direction=heading, time=0.05 * np.arange(1200))
    return tmp_path


@pytest.mark.parametrize("command", [text for text in commands() if text.startswith("neuromanifold ")])
def test_a_command_is_there_with_its_options(command):
    name, *words = words_of(command)
    programs = typer.main.get_command(app).commands
    assert name in programs, f"no command {name!r}"
    known = {option for parameter in programs[name].params for option in parameter.opts}
    options = {word.split("=")[0] for word in words if word.startswith("-")}
    assert options <= known, f"{name} has no {', '.join(options - known)}"
    listed = {"benchmark": BENCHMARKS, "featuremaps": EXPERIMENTS}.get(name)
    if listed is not None and words and words[0].islower():
        named = [word for word in words if not word.startswith("-")]
        choices = named if "|" in command else named[:1]
        assert set(choices) <= set(listed), f"{name} has no {choices}"


@pytest.mark.parametrize("command", [text for text in commands() if text.startswith("pytest ")])
def test_a_test_that_is_named_exists(command):
    words = words_of(command)
    files = [word for word in words if word.endswith(".py")]
    assert all((ROOT / name).is_file() for name in files), command
    if "-k" in words:
        pattern = words[words.index("-k") + 1]
        assert any(re.search(rf"def test\w*{pattern}", (ROOT / name).read_text(encoding="utf-8")) for name in files)


@pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")
def test_the_commands_on_a_session_run(session):
    """Those of the block that names ``session.npz``, with fewer shuffles."""
    (block,) = [block for block in blocks("bash") if "session.npz" in block]
    for line in block.splitlines():
        words = words_of(line.split("  #")[0])
        quick = ["--shuffles", "19"] if words[0] == "analyze" else []
        result = CliRunner().invoke(app, [*words, *quick])
        assert result.exit_code == 0, f"{line}\n{result.output}"
    assert (session / "results" / "report.html").is_file()


@pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")
def test_the_code_runs(session):
    """All Python blocks in order, with fewer shuffles and draws."""
    names: dict = {}
    for block in blocks("python"):
        code = re.sub(r"(nm\.analyze\(rec, .*?)\)", r"\1, n_shuffles=19, n_bootstrap=2)", block)
        for said, quick in (("n_shuffles=100", "n_shuffles=19"), ("n_bootstrap=50", "n_bootstrap=2")):
            code = code.replace(said, quick)
        exec(compile(code, "README.md", "exec"), names)
    assert names["a"].topology.template_ == names["topology"].template_ == "circle"
    assert names["profile"]["mean_curvature_norm"].sizes["point"] == 360
    assert (session / "report.html").is_file()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_a_link_leads_somewhere(link):
    assert (ROOT / link).exists() or (ROOT / f"{link}.ipynb").exists()
