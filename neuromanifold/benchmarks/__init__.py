"""The tables to beat, each printed by ``neuromanifold benchmark NAME`` and returned by the ``run`` of its module."""
