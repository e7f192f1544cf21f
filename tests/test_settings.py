"""Checks of settings: what counts as the value that is allowed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import neuromanifold as nm
from neuromanifold._arrays import numbers_or_texts
from neuromanifold._errors import InputError
from neuromanifold._settings import check_choice, check_flag, check_level, check_names, check_sequence
from neuromanifold.analysis_settings import CHECKS


@pytest.mark.parametrize(("value", "allowed"), [(np.str_("auto"), ("auto", "keep")), (1, ("auto", 1)), (True, (True,))])
def test_a_choice_may_come_from_an_array(value, allowed) -> None:
    check_choice("setting", value, allowed)


@pytest.mark.parametrize("value", [True, 0, "Auto", None, np.ones(3)], ids=str)
def test_what_only_equals_a_choice_is_none(value) -> None:
    with pytest.raises(InputError, match="setting must be one of 'auto', 1, False; got"):
        check_choice("setting", value, ("auto", 1, False))


@pytest.mark.parametrize("value", [np.bool_(True), False])
def test_a_flag_may_come_from_an_array(value) -> None:
    check_flag("setting", value)


@pytest.mark.parametrize("value", [0.0, 1, np.nan, True, "0.9"])
def test_a_level_is_between_its_ends(value) -> None:
    with pytest.raises(InputError, match="level must be a number between 0 and 1"):
        check_level(value)


def test_a_text_or_a_mapping_is_no_sequence_of_settings() -> None:
    check_sequence("setting", np.arange(3), "numbers")
    for value in ("abc", {"a": 1}, 3):
        with pytest.raises(InputError, match="setting must be a sequence of names"):
            check_sequence("setting", value, "names")
    check_names("setting", {"a": {}}, mapping=True)
    with pytest.raises(InputError, match="setting must be a name or a sequence"):
        check_names("setting", {"a": {}})


def test_texts_among_objects_are_texts_and_numbers_are_numbers() -> None:
    assert numbers_or_texts(["a", None, np.nan, 2], "x").tolist() == ["a", "", "", "2"]
    np.testing.assert_array_equal(numbers_or_texts([1, None], "x"), [1, np.nan])
    with pytest.raises(InputError, match="x"):
        numbers_or_texts([object()], "x")


def test_every_setting_of_an_analysis_has_its_check() -> None:
    assert set(CHECKS) == set(inspect.signature(nm.analyze).parameters) - {"recording"}


@pytest.mark.parametrize("wrong", [{"n_shuffles": "many"}, {"smooth": 1}, {"level": 2}, {"device": "abacus"}], ids=str)
def test_what_is_right_for_no_session_is_refused_before_any_is_read(wrong: dict[str, object]) -> None:
    def never_read():
        pytest.fail("a session was read")
        yield

    with pytest.raises(InputError, match=next(iter(wrong))):
        nm.analyze_many(never_read(), **wrong)
