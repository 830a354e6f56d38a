"""Write out what a checkpoint answered."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotator.management.project_named import project_that_exists
from annotator.models import CheckpointKind, Split
from annotator.selectors.exports import checkpoint_by_name, responses_of_checkpoint


class Command(BaseCommand):
    help = "Write a checkpoint's answers to standard output, one JSON object per line: prompt, response and origin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="slug or name of the project")
        parser.add_argument("--checkpoint", required=True, help="id or name of the policy checkpoint")
        parser.add_argument("--split", choices=Split.values, help="only answers to prompts of this split")
        parser.add_argument("--round", type=int, help="only answers written in this round")

    def handle(self, *args: Any, **options: Any) -> None:
        project = project_that_exists(options["project"])
        checkpoint = checkpoint_by_name(project, options["checkpoint"])
        if checkpoint is None:
            policies = project.checkpoints.filter(kind=CheckpointKind.POLICY).order_by("-id")[:20]
            known = ", ".join(f"{row.pk} ({row.name})" for row in policies)
            raise CommandError(
                f"“{project.name}” has no policy checkpoint “{options['checkpoint']}”. There is: {known}."
            )
        rows = responses_of_checkpoint(checkpoint, split=options["split"], round_number=options["round"])
        try:
            for row in rows:
                self.stdout.write(json.dumps(row, ensure_ascii=False))
            self.stdout.flush()
        except BrokenPipeError:
            # `… | head` has seen enough. Python would complain again while it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
