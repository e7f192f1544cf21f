"""The tests are tested: errors planted in the formulas of the math core must make them fail (see mutation.py)."""

from __future__ import annotations

import pytest
from mutation import FOLDERS, HERE, PACKAGE, Mutant, drawn, edits, killed_share, killer, listed, read_list

TESTS, ENTRIES = read_list()


def test_every_listed_text_is_there_once_and_its_mutant_compiles() -> None:
    for entry in ENTRIES:
        source = (PACKAGE / entry.path).read_text(encoding="utf-8")
        if not entry.reason:
            assert source.count(entry.old) == 1, entry
            compile(source.replace(entry.old, entry.new), entry.path, "exec")
    assert len({(e.path, e.old, e.new) for e in ENTRIES}) == len(ENTRIES)


def test_every_file_of_formulas_has_mutants_and_tests() -> None:
    named = {entry.path for entry in ENTRIES}
    for path in (p for folder in FOLDERS for p in (PACKAGE / folder).rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if any(edits(path.read_bytes())):
            assert name in TESTS, f"{name}: add it, its tests and its mutants to tests/files/mutants.txt"
    assert named <= set(TESTS)
    assert all((HERE / f"{name}.py").exists() for names in TESTS.values() for name in names)


def test_random_mutants_change_one_place_and_compile() -> None:
    source = b"def f(x: int = 2) -> int:\n    return -x[0, 1] * (x < 3)\n"
    changed = {
        (source[:a] + text.encode() + source[b:]).decode().split("\n", 1)[1].strip() for a, b, text in edits(source)
    }
    assert "return -x[1, 0] * (x < 3)" in changed
    assert "return +x[0, 1] * (x < 3)" in changed
    assert "return -x[0, 1] / (x < 3)" in changed
    assert "return -x[0, 1] * (x <= 3)" in changed
    sample = drawn(60, seed=0)
    assert sample == drawn(60, seed=0)
    for mutant in sample:
        assert mutant.old != mutant.new
        compile(mutant.source, mutant.path, "exec")


@pytest.mark.slow
def test_the_tests_pass_without_an_error() -> None:
    unchanged = Mutant("geometry/local.py", (0, 0, ""), "", "")
    for name in sorted({name for names in TESTS.values() for name in names}):
        assert not killer(unchanged, [name])


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_listed_mutants_are_killed(folder: str) -> None:
    assert killed_share(listed(folder)) >= 0.95


@pytest.mark.slow
def test_random_mutants_are_killed() -> None:
    assert killed_share(drawn(60, seed=0)) >= 0.95
