"""Checks of settings: what counts as the value that is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from neuromanifold._errors import InputError
from neuromanifold._settings import check_choice


@pytest.mark.parametrize(("value", "allowed"), [(np.str_("auto"), ("auto", "keep")), (1, ("auto", 1)), (True, (True,))])
def test_a_choice_may_come_from_an_array(value, allowed) -> None:
    check_choice("setting", value, allowed)


@pytest.mark.parametrize("value", [True, 0, "Auto", None, np.ones(3)], ids=str)
def test_what_only_equals_a_choice_is_none(value) -> None:
    with pytest.raises(InputError, match="setting must be one of 'auto', 1, False; got"):
        check_choice("setting", value, ("auto", 1, False))
