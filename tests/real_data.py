"""Where the real preference data lies that tests may read and the repository must not hold."""

import os
from pathlib import Path

import pytest

# Read at import, before any fixture can change the working folder.
FOLDER = Path(os.environ.get("TIEBREAK_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def real(name: str) -> Path:
    """The file or folder of this name; the test that asks is skipped where the data is not at hand."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{path} is missing; set TIEBREAK_TEST_DATA to the folder with the real preference data")
    return path
