"""A run that is killed between two writes of its progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from neuromanifold.progress import Progress

__all__ = ["Killed", "killed_after"]


class Killed(BaseException):
    """No handler of errors takes it for one."""


@contextmanager
def killed_after(n_writes: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the run after so many writes of any progress, as a kill would: nothing is tidied."""
    keep, written = Progress.keep, []

    def keep_and_die(self: Progress, *state: Any) -> None:
        keep(self, *state)
        written.append(state[0])
        if len(written) == n_writes:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "keep", keep_and_die)
        with pytest.raises(Killed):
            yield
