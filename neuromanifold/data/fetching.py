"""Fetching: a public recording into the user's cache, checked before it is used.

The cache is pooch's folder of this user (``NEUROMANIFOLD_DATA`` names another). ``checksums.json`` in it keeps the
SHA-256 of every file and who vouches for it: a file that is there and unchanged is used without the network.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from neuromanifold._errors import DownloadError, FileFormatError, InputError
from neuromanifold._untrusted import guard_expansion, readable
from neuromanifold.data.inference import warn
from neuromanifold.data.registry import PublicRecording
from neuromanifold.storage import atomic_path, write_json

__all__ = ["cache_folder", "fetch_file"]

_CHECKSUMS = "checksums.json"
_TIMEOUT = 60


class Located(NamedTuple):
    """Where a file can be downloaded, the digest to expect of it (None: nobody says) and who says so."""

    url: str
    digest: str | None
    source: str


def cache_folder() -> Path:
    """The folder that downloads are kept in."""
    chosen = os.environ.get("NEUROMANIFOLD_DATA")
    return Path(chosen) if chosen else Path(_pooch().os_cache("neuromanifold"))


def fetch_file(recording: PublicRecording, verbose: bool = True) -> Path:
    """The file of a public recording, downloaded at first use; a member of an archive is unpacked.

    Raises
    ------
    DownloadError
        If the archive cannot be reached, does not hold the file, or what came is not what was published.
    InputError
        If pooch is not installed.
    """
    path = cache_folder() / Path(recording.file).name
    if not _unchanged(path):
        found = _adopted(recording, path) if path.is_file() else _downloaded(recording, path, verbose)
        _remember(path, found)
    return path if recording.member is None else _unpacked(path, recording.member)


def _pooch() -> ModuleType:
    try:
        import pooch
    except ImportError as error:
        raise InputError("public recordings are fetched by pooch: pip install 'neuromanifold[datasets]'") from error
    return pooch


def _checksums(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / _CHECKSUMS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _unchanged(path: Path) -> bool:
    """Whether the file is there as it was fetched.

    Raises
    ------
    DownloadError
        If it is there and has changed since.
    """
    kept = _checksums(path.parent).get(path.name)
    if kept is None or not path.is_file():
        return False
    if _digest(path, "sha256") != kept["sha256"]:
        raise DownloadError(f"{path} has changed since it was fetched: delete it to fetch it again")
    return True


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _adopted(recording: PublicRecording, path: Path) -> Located:
    """A file that was put into the cache by hand, checked against what is published, if anybody can be asked."""
    try:
        found = Located(str(path), recording.digest, str(recording.digest_source))
        found = found if recording.digest else _located(recording)
    except OSError:
        found = Located(str(path), None, "nobody that could be asked")
    if found.digest is not None:
        algorithm, _, expected = found.digest.partition(":")
        if _digest(path, algorithm) != expected:
            raise DownloadError(f"{path} is not what {found.source} published ({found.digest}): delete it")
    return found


def _downloaded(recording: PublicRecording, path: Path, verbose: bool) -> Located:
    pooch = _pooch()
    # pooch's own words about hashes and folders are replaced by ours.
    pooch.get_logger().setLevel("WARNING")
    try:
        found = _located(recording)
        downloader = pooch.HTTPDownloader(progressbar=verbose, timeout=_TIMEOUT)
        pooch.retrieve(found.url, found.digest, path.name, path.parent, downloader=downloader)
        return found
    except DownloadError:
        raise
    except ValueError as error:
        raise DownloadError(f"what came for {path.name} is not what {found.source} published: {error}") from error
    except OSError as error:
        raise DownloadError(
            f"cannot fetch {path.name} from {recording.address} ({type(error).__name__}). Without a network here: "
            f"download it elsewhere (doi.org/{recording.doi}) and put it at {path}, where it will be checked"
        ) from error


def _remember(path: Path, found: Located) -> None:
    """Keep the SHA-256 of a file, and say so where it is the only digest there is."""
    sha256 = _digest(path, "sha256")
    kept = {"sha256": sha256, "url": found.url, "published": str(found.digest), "published_by": found.source}
    write_json(path.parent / _CHECKSUMS, {**_checksums(path.parent), path.name: kept})
    if found.digest is None:
        warn(f"no published digest of {path.name} is known; its SHA-256 is {sha256}, kept to notice changes")


def _located(recording: PublicRecording) -> Located:
    if recording.archive == "dandi":
        url, digest, source = _at_dandi(recording)
    elif recording.archive == "figshare":
        url, digest, source = _at_figshare(recording)
    else:
        url, digest, source = recording.address, None, "nobody"
    if recording.digest is not None:
        return Located(url, recording.digest, str(recording.digest_source))
    return Located(url, digest, source)


def _at_dandi(recording: PublicRecording) -> Located:
    """DANDI lists the assets of a version by path, and of each its SHA-256."""
    listed = _json(f"{recording.address}/assets/", path=recording.file)
    assets = [asset for asset in listed.get("results", []) if asset.get("path") == recording.file]
    if not assets:
        raise DownloadError(f"{recording.address} has no {recording.file}: look at doi.org/{recording.doi}")
    root = recording.address.split("/dandisets/")[0]
    asset = f"{root}/assets/{assets[0]['asset_id']}"
    digest = _json(f"{asset}/").get("digest", {}).get("dandi:sha2-256")
    return Located(f"{asset}/download/", f"sha256:{digest}" if digest else None, "DANDI")


def _at_figshare(recording: PublicRecording) -> Located:
    """Figshare lists the files of an article with their MD5."""
    files = [file for file in _json(recording.address).get("files", []) if file.get("name") == recording.file]
    if not files:
        raise DownloadError(f"{recording.address} has no {recording.file}: look at doi.org/{recording.doi}")
    digest = files[0].get("computed_md5") or files[0].get("supplied_md5")
    return Located(files[0]["download_url"], f"md5:{digest}" if digest else None, "Figshare")


def _json(url: str, **query: str) -> Mapping[str, Any]:
    import requests

    answer = requests.get(url, params=query, timeout=_TIMEOUT)
    answer.raise_for_status()
    content = answer.json()
    if not isinstance(content, dict):
        raise DownloadError(f"{url} did not answer with a record")
    return content


def _unpacked(archive: Path, member: str) -> Path:
    """A member of a zip archive, unpacked beside it once."""
    target = archive.parent / Path(member).name
    if target.is_file():
        return target
    with readable(archive, "zip"), zipfile.ZipFile(archive) as content:
        if member not in content.namelist():
            raise FileFormatError(f"{archive} has no {member}")
        info = content.getinfo(member)
        guard_expansion(member, info.file_size, info.compress_size)
        with content.open(info) as stream, atomic_path(target) as temporary, temporary.open("wb") as out:
            shutil.copyfileobj(stream, out)
    return target
