"""Bring judgments that were made elsewhere into a project."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils.text import slugify

from annotator.domain.formats.detection import FORMATS
from annotator.domain.formats.records import MAX_LICENSE, BadLine
from annotator.exceptions import TiebreakError
from annotator.management.project_named import project_named
from annotator.models import Project, User
from annotator.services.import_batches import ImportCounts
from annotator.services.import_files import Source, source_open
from annotator.services.imports import preferences_import
from annotator.services.projects import project_create


class ErrorFile:
    """A JSON line for each line that was left out.

    Without an explicit place it appears with the first of them, beside what is
    imported, or in the working folder where that cannot be written.
    """

    def __init__(self, source: Path, explicit: Path | None) -> None:
        name = f"{source.resolve().name}.errors.jsonl"
        self._places = [explicit] if explicit else [source.resolve().with_name(name), Path.cwd() / name]
        self.path: Path | None = None
        # A place that was asked for and cannot be written must be known before anything is stored.
        self._file: IO[str] | None = self._open() if explicit else None

    def write(self, bad: BadLine) -> None:
        if self._file is None:
            self._file = self._open()
        self._file.write(json.dumps(bad._asdict(), ensure_ascii=False) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> IO[str]:
        for path in self._places:
            try:
                file = path.open("w", encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                problem = f"{path} cannot be written: {error.strerror}. Name another file with --errors."
                continue
            self.path = path
            return file
        raise CommandError(problem)


class Command(BaseCommand):
    help = (
        "Import preference judgments from a file or folder into a project, which is created when it does not exist. "
        "Importing the same again adds nothing. Lines that do not fit go to an error file, the others go in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="file or folder; .gz is unpacked on the way")
        parser.add_argument("--project", required=True, help="slug or name of the project")
        parser.add_argument("--format", default="auto", choices=["auto", *FORMATS], help="how to read it (auto)")
        parser.add_argument("--owner", help="user name of the owner of a new project (the first superuser or staff)")
        parser.add_argument("--base-model", default="starter", help="base model of a new project (starter)")
        parser.add_argument("--license", default="", help="of the rows that name none of their own")
        parser.add_argument("--errors", type=Path, help="where the bad lines go (PATH.errors.jsonl)")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["path"]
        if len(options["license"]) > MAX_LICENSE:
            raise CommandError(f"--license has at most {MAX_LICENSE} characters.")
        started = time.monotonic()
        errors = ErrorFile(path, options["errors"])
        try:
            source = source_open(path, options["format"])
            project = self._project(options)
            counts = preferences_import(
                project=project, source=source, license=options["license"], on_bad=errors.write,
                on_progress=self._say_progress,
            )  # fmt: skip
        except TiebreakError as error:
            raise CommandError(error.message) from error
        finally:
            errors.close()
        self._say_summary(project, source, counts, errors.path, time.monotonic() - started)

    def _project(self, options: dict[str, Any]) -> Project:
        """The project of this slug or name, created if there is none."""
        name = options["project"].strip()
        if (found := project_named(name)) is not None:
            return found
        slug = slugify(name)[:60].strip("-")
        if not slug:
            raise CommandError("--project needs a name with letters or digits.")
        project = project_create(
            owner=self._owner(options["owner"]), name=name, slug=slug, base_model=options["base_model"]
        )
        self.stdout.write(f"Created the project “{project.name}” (/p/{project.slug}/).")
        return project

    def _owner(self, username: str | None) -> User:
        if username is not None:
            owner = User.objects.filter(username=username, is_active=True).first()
            if owner is None:
                raise CommandError(f"There is no user “{username}”.")
            return owner
        people = User.objects.filter(Q(is_superuser=True) | Q(is_staff=True), is_active=True)
        owner = people.order_by("-is_superuser", "id").first()
        if owner is None:
            raise CommandError("A new project needs an owner: name one with --owner USERNAME.")
        return owner

    def _say_progress(self, counts: ImportCounts) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{counts.read:,} judgments read …", ending="")

    def _say_summary(
        self, project: Project, source: Source, counts: ImportCounts, errors: Path | None, seconds: float
    ) -> None:
        if self.stderr.isatty():
            self.stderr.write("")
        self.stdout.write(
            f"Format {source.format}: read {counts.read:,} judgments, imported {counts.imported:,}, "
            f"already known {counts.known:,}, bad {counts.bad:,} ({seconds:.1f} s)."
        )
        self.stdout.write(
            f"Added {counts.prompts:,} prompts, {counts.responses:,} responses and {counts.comparisons:,} comparisons "
            f"to “{project.name}”" + "".join(f", round {number}" for number in sorted(counts.rounds)) + "."
        )
        for note in source.notes:
            self.stdout.write(note)
        if counts.bad:
            self.stdout.write(f"The bad lines are in {errors}, each with its line, field and reason.")
