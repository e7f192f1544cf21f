"""``python -m neuromanifold``: the same as the command ``neuromanifold``."""

from __future__ import annotations

from neuromanifold.cli import main

if __name__ == "__main__":
    main()
