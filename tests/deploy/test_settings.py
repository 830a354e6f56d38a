"""The readers of the environment: what they take, and that they refuse the rest in one line."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import settings


def test_a_flag_takes_the_usual_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBREAK_X", "Yes")
    assert settings.flag("TIEBREAK_X", False) is True

    monkeypatch.setenv("TIEBREAK_X", "off")
    assert settings.flag("TIEBREAK_X", True) is False


def test_a_flag_refuses_any_other_word_and_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBREAK_X", "ture")

    with pytest.raises(ImproperlyConfigured, match="TIEBREAK_X='ture'"):
        settings.flag("TIEBREAK_X", False)


@pytest.mark.parametrize("word", ["80a", "0", "65536", "1.5", ""])
def test_a_whole_number_stays_in_its_range(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("TIEBREAK_X", word)

    if word == "":  # set to nothing means not set
        assert settings.whole("TIEBREAK_X", 8000, 1, 65535) == 8000
    else:
        with pytest.raises(ImproperlyConfigured, match="TIEBREAK_X"):
            settings.whole("TIEBREAK_X", 8000, 1, 65535)


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-the-file\n")
    monkeypatch.setenv("TIEBREAK_X_FILE", str(tmp_path / "key"))

    assert settings.secret("TIEBREAK_X") == "from-the-file"


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBREAK_X", "one")
    monkeypatch.setenv("TIEBREAK_X_FILE", "/somewhere")

    with pytest.raises(ImproperlyConfigured, match="Both TIEBREAK_X and TIEBREAK_X_FILE"):
        settings.secret("TIEBREAK_X")


def test_a_secret_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBREAK_X_FILE", "/no/such/file")

    with pytest.raises(ImproperlyConfigured, match="/no/such/file"):
        settings.secret("TIEBREAK_X")


def test_a_database_url_gives_up_its_parts() -> None:
    found = settings.database("postgresql://me:p%40ss@db.example:5433/tiebreak?sslmode=require")

    assert (found["USER"], found["PASSWORD"], found["HOST"]) == ("me", "p@ss", "db.example")
    assert (found["PORT"], found["NAME"], found["OPTIONS"]) == ("5433", "tiebreak", {"sslmode": "require"})


def test_a_database_url_may_name_a_folder_of_sockets() -> None:
    found = settings.database("postgresql://postgres@/tiebreak?host=/var/run/my%20sockets")

    assert (found["HOST"], found["PORT"], found["OPTIONS"]) == ("/var/run/my sockets", "", {})


@pytest.mark.parametrize("url", ["mysql://me@here/x", "postgresql://me@here/", "postgresql://me@here:port/x"])
def test_a_database_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        settings.database(url)
