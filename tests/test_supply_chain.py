"""What the package may be installed beside is stated once and true: the oldest set is that of the lower bounds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Programs that look at the code or at pages; the numbers do not depend on them.
TOOLS = {"ruff", "mypy", "pandas-stubs", "selenium", "hypothesis"}


def bounds(requirements: list[str]) -> dict[str, Version]:
    """Lower bound of each requirement by name."""
    found = {}
    for requirement in map(Requirement, requirements):
        lower = [Version(spec.version) for spec in requirement.specifier if spec.operator == ">="]
        assert len(lower) == 1 or requirement.name in TOOLS, f"{requirement} has no lower bound"
        if lower:
            found[requirement.name] = lower[0]
    return found


@pytest.fixture(scope="module")
def oldest() -> dict[str, Version]:
    lines = (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    return {pin.name: Version(next(iter(pin.specifier)).version) for pin in pins}


def test_the_oldest_set_is_that_of_the_lower_bounds(oldest: dict[str, Version]) -> None:
    wanted = bounds(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"])
    for name, version in wanted.items():
        if name in TOOLS:
            continue
        assert name in oldest, f"{name} is not in .ci/oldest.txt"
        assert oldest[name] == version, f"{name}: pyproject.toml says {version}, .ci/oldest.txt {oldest[name]}"


def test_extras_and_tests_agree() -> None:
    extras = PROJECT["optional-dependencies"]
    tested = bounds(extras["test"])
    for extra, requirements in extras.items():
        for name, version in bounds(requirements).items():
            assert tested.get(name, version) == version, f"{name} has another bound in [{extra}] than in [test]"
