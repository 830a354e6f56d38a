"""Make a dataset of a project from a shell."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotator import store
from annotator.domain.aggregation import Consensus
from annotator.domain.datasets.filters import Filters
from annotator.domain.datasets.shapes import SHAPES
from annotator.management.project_named import project_that_exists
from annotator.services.dataset_files import FORMATS
from annotator.services.datasets import dataset_create, dataset_execute


class Command(BaseCommand):
    help = "Write what a project knows as its next dataset, and print where it lies and what it counts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="slug or name of the project")
        parser.add_argument("--shape", choices=SHAPES, default="preference")
        parser.add_argument("--format", choices=FORMATS, default="jsonl")
        parser.add_argument("--round", type=int, action="append", default=[], help="only this round; may be repeated")
        parser.add_argument("--tag", action="append", default=[], help="only prompts tagged so; may be repeated")
        parser.add_argument("--votes", type=int, default=1, help="judgments that a comparison has at least")
        parser.add_argument("--agreement", type=float, default=0.5, help="share of the votes for the better answer")
        parser.add_argument("--consensus", choices=[one.value for one in Consensus], default=Consensus.VOTES.value)
        parser.add_argument("--named", action="store_true", help="raters under their user names, not pseudonyms")

    def handle(self, *args: Any, **options: Any) -> None:
        filters = Filters(
            rounds=tuple(sorted(set(options["round"]))),
            tags=tuple(dict.fromkeys(options["tag"])),
            votes=options["votes"],
            agreement=options["agreement"],
            consensus=Consensus(options["consensus"]),
            named=options["named"],
        )
        asked = dataset_create(
            project=project_that_exists(options["project"]),
            shape=options["shape"],
            file_format=options["format"],
            filters=filters,
        )
        dataset = dataset_execute(dataset_id=asked.pk)
        if dataset is None:
            raise CommandError(f"A worker took dataset {asked.version} first; its page says how far it is.")
        if not dataset.is_ready:
            raise CommandError(dataset.error or f"Dataset {dataset.version} was stopped.")
        found = {
            "version": dataset.version,
            "folder": str(store.store_path(dataset.path)),
            **dataset.manifest["counts"],
        }
        self.stdout.write(json.dumps(found))
