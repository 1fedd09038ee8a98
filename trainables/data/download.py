"""Checksummed downloads into a cache directory."""

import os
from collections.abc import Mapping
from pathlib import Path


class DataUnavailableError(RuntimeError):
    """A data set is not on this machine, nor can it be downloaded; the message says what to do."""


def cache_directory() -> Path:
    """Where downloads are kept: $CAVIAR_DATA, else `caviar` in the user's cache directory."""
    chosen = os.environ.get("CAVIAR_DATA")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "caviar"


def download(
    name: str,
    base_url: str,
    checksums: Mapping[str, str],
    directory: Path,
    *,
    package: str | None = None,
) -> None:
    """Download files that `directory` lacks, each with a progress bar and checked before it counts.

    Args:
        name: the data set, for messages.
        base_url: where the files lie; ends with "/".
        checksums: file name -> SHA-256, 64 hexadecimal digits.
        directory: where they go; created when missing.
        package: of Debian, which ships the files too.

    Raises DataUnavailableError when a file cannot be fetched or is not the published one.
    """
    import pooch  # with requests; needed on the first run of a machine only

    shipped = f"install the package that ships them (Debian: {package}), " if package else ""
    # pooch announces each file on stderr; its progress bar says the same.
    pooch.get_logger().setLevel("WARNING")
    for file_name, checksum in checksums.items():
        try:
            pooch.retrieve(
                base_url + file_name,
                known_hash=f"sha256:{checksum}",
                fname=file_name,
                path=directory,
                progressbar=True,
            )
        # OSError: no network (requests' errors are OSErrors), no space. ValueError: another
        # checksum.
        except (OSError, ValueError) as error:
            raise DataUnavailableError(
                f"{name} is not on this machine, and {base_url}{file_name} could not be downloaded "
                f"to {directory} ({error}). Give data_dir a directory with {', '.join(checksums)}, "
                f"{shipped}or use the data set digits, which needs no download."
            ) from error
