"""The errors of the package: what was given, what is allowed, what to do next.

All are :class:`ValueError` or :class:`OSError`, so callers who do not know the package still catch them.
"""

from __future__ import annotations

__all__ = [
    "DownloadError",
    "FileFormatError",
    "FolderInUseError",
    "InputError",
    "NotEnoughDataError",
    "NotNumbersError",
    "NotSmoothError",
    "RecordingError",
    "WorkerError",
]


class InputError(ValueError):
    """An argument or an array that cannot be used as given."""


class RecordingError(InputError):
    """A dataset that does not keep the recording contract of :mod:`neuromanifold.data.recording`."""


class NotNumbersError(InputError, TypeError):
    """Values that are not real numbers: texts, objects, complex or sparse ones."""


class NotEnoughDataError(InputError):
    """Too few samples, units or intervals for the step that was asked for."""


class NotSmoothError(InputError):
    """A map whose second derivatives do not exist (ReLU and its like)."""


class FileFormatError(OSError):
    """A file that cannot be read: missing, truncated, of another format, or unsafe to open."""


class FolderInUseError(FileFormatError):
    """A folder that another run is writing to."""


class DownloadError(OSError):
    """A public recording that cannot be had: no network, gone from its archive, or not what was published."""


class WorkerError(OSError):
    """A worker process that was to share the work has died."""
