"""Zip archives that people bring: the data files in them, unpacked within bounds into one folder."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from django.utils.translation import gettext as _

from annotator.exceptions import InputInvalid
from annotator.services.import_files import CHUNK, ENDINGS, EXPANSION_COUNTS_FROM, MAX_EXPANSION, MAX_FILE_BYTES

MOST_FILES = 200
WANTED = (*ENDINGS, ".md")  # what raters were told may lie beside the data
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


def is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def archive_unpack(path: Path, folder: Path) -> None:
    """Write the data files of an archive side by side into `folder`, whatever folders they were in.

    Raises InputInvalid for an archive that is broken, locked, too large when unpacked, or without data.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = _wanted(archive)
            folder.mkdir()
            left = MAX_FILE_BYTES
            if path.stat().st_size * MAX_EXPANSION < left:
                left = max(path.stat().st_size * MAX_EXPANSION, EXPANSION_COUNTS_FROM)
            for name, member in wanted.items():
                # What is counted is what comes out: the archive's own numbers may be made up.
                with archive.open(member) as packed, (folder / name).open("wb") as file:
                    while chunk := packed.read(CHUNK):
                        left -= len(chunk)
                        if left < 0:
                            raise InputInvalid(_("This archive is too large when it is unpacked; split it."))
                        file.write(chunk)
    except UNREADABLE as error:
        raise InputInvalid(_("This archive cannot be read (%(why)s); pack it again.") % {"why": error}) from error


def _wanted(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The data files by their names without folders; what systems hide in archives is left out."""
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        path = PurePosixPath(member.filename)
        is_hidden = path.name.startswith(".") or "__MACOSX" in path.parts
        if member.is_dir() or is_hidden or not path.name.endswith(WANTED):
            continue
        if path.name in found:
            raise InputInvalid(
                _("Two files of this archive are named %(name)s; keep one of them.") % {"name": path.name}
            )
        found[path.name] = member
    if not any(name.endswith(ENDINGS) for name in found):
        raise InputInvalid(_("This archive holds no data files."))
    if len(found) > MOST_FILES:
        raise InputInvalid(_("This archive holds more than %(most)s files; split it.") % {"most": MOST_FILES})
    return found
