"""The page on recordings: its code runs, and it names every format there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neuromanifold.data.readers import READERS

PAGE = (Path(__file__).parents[1] / "docs" / "recordings.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")
def test_the_code_of_the_page_runs():
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(block, names)
    assert names["rec"].sizes["unit"] == 8
    assert names["rec"]["heading"].attrs["kind"] == "circular"


def test_the_page_names_every_format():
    for suffixes, _ in READERS:
        assert any(f"`{suffix}`" in PAGE or f"`{suffix}" in PAGE for suffix in suffixes), suffixes
