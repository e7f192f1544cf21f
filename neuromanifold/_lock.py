"""A folder that one run at a time writes to."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from neuromanifold._errors import FolderInUseError

if sys.platform != "win32":
    import fcntl

__all__ = ["locked"]

# What systems say of folders that they cannot lock, on network disks for one.
UNGUARDED = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP)


@contextmanager
def locked(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a folder that is there for one run; the system lets go of it however the run ends.

    Where the system cannot lock a folder (Windows, some network disks) it is not guarded.

    Raises
    ------
    FolderInUseError
        If another run holds it.
    """
    if sys.platform == "win32":
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(
                f"another run is writing to the folder {os.fspath(folder)}: wait for it, or choose another folder"
            ) from error
        except OSError as error:
            if error.errno not in UNGUARDED:
                raise
        yield
    finally:
        os.close(handle)
