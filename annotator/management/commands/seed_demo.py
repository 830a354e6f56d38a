"""The first-run demo: a support desk with its starter policy, people, prompts and a round to judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotator.domain.lifecycles import RoundState, RunState
from annotator.engine import engine_start, starter_prompts
from annotator.models import Project, Role, Round, User
from annotator.services.projects import member_set_role, project_create
from annotator.services.prompts import prompts_add
from annotator.services.rounds import round_advance, round_prepare
from annotator.services.runs import run_execute

GUIDELINE = """\
# Which reply would you rather have received?

You see a shop's rule, a customer's question, and two replies. Imagine you are the customer.

- **Faithful.** The reply says what the shop's rule says. An invented promise is worse than a refusal.
- **Courteous.** It greets, thanks or apologises where a person would, without grovelling.
- **To the point.** It answers the question and stops.

Choose *slightly* when you would hardly mind the other one, *tie* when you truly cannot say,
and *both bad* when you would send neither.
"""


class Command(BaseCommand):
    help = "Create the demo project, its people and its first round. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prompts", type=int, default=1500, help="customer questions to bring in")
        parser.add_argument("--logins", type=Path, default=None, help="file with the log-ins to create")

    def handle(self, *args: Any, **options: Any) -> None:
        logins = self._logins(options["logins"] or settings.HOME / "logins.json")
        owner, rater = (self._person(**logins[role]) for role in ("owner", "rater"))
        owner.is_staff = True  # may create projects
        owner.save(update_fields=["is_staff"])
        project = Project.objects.filter(slug="demo").first() or project_create(
            owner=owner,
            name="Support desk",
            slug="demo",
            description="A small shop answers its customers. Teach its assistant how.",
            guideline=GUIDELINE,
        )
        member_set_role(project=project, user=rater, role=Role.RATER)
        prompts_add(project=project, conversations=starter_prompts(options["prompts"]), source="starter")
        self._first_round(project)

    def _logins(self, path: Path) -> dict[str, dict[str, str]]:
        try:
            logins: dict[str, dict[str, str]] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise CommandError(f"{path} cannot be read ({error}); `make up` writes it.") from None
        return logins

    def _person(self, username: str, password: str) -> User:
        person, is_new = User.objects.get_or_create(username=username)
        if is_new:
            person.set_password(password)
            person.save()
        return person

    def _first_round(self, project: Project) -> None:
        round = project.rounds.order_by("-number").first() or round_prepare(project=project)
        while round.state == RoundState.DRAFT:
            run = round.runs.latest("id")
            if run.state == RunState.QUEUED:
                self.stdout.write(f"The starter policy answers {len(run.details['prompts'])} questions …")
                run = run_execute(run_id=run.pk, worker="seed_demo", engine=engine_start) or run
            if run.state != RunState.SUCCEEDED:
                raise CommandError(f"The first answers could not be written: {run.error or run.state}")
            round_advance(round_id=round.pk)
            round = Round.objects.get(pk=round.pk)
        self.stdout.write(f"{round.comparisons.count()} comparisons are ready in project “{project.name}”.")
