"""A file's entry in a zip that is the same bytes for the same content: one fixed date and mode, no machine in it."""

from __future__ import annotations

import stat
import zipfile

DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say


def entry(path: str, size: int = 0) -> zipfile.ZipInfo:
    """Return the entry of a file of ``size`` bytes, stored as it is: zipfile takes the zip64 form by the size."""
    info = zipfile.ZipInfo(path, DATE)
    info.create_system = 3  # Unix, on Windows too
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.file_size = size
    return info
