"""Let raters made of a rule judge over HTTP, like people who know what they want."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from annotator.domain.raters import RULES, RuleRater, RuleUnknown, rule_of
from annotator.exceptions import TiebreakError
from annotator.management.project_named import project_that_exists
from annotator.models import Member, Project, Role, User
from annotator.services.projects import member_set_role, user_register
from annotator.simulation import Account, Ending, HttpRater, SimulationStopped, Site, Tally, simulate

MAX_RATERS = 200


class Command(BaseCommand):
    help = (
        "Judge comparisons of a running instance over HTTP with raters sim-1, sim-2, … who follow a rule. "
        "They are created in the database; all else goes through the pages and forms that people use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="slug or name of the project")
        parser.add_argument("--prefer", required=True, help=f"what the raters prefer: {RULES}")
        parser.add_argument("--raters", type=int, default=5, help="how many raters (5)")
        parser.add_argument("--judgments", type=int, default=100, help="how many judgments all together (100)")
        parser.add_argument("--noise", type=float, default=0.0, help="share of the answers that are wrong (0)")
        parser.add_argument("--seed", type=int, default=0, help="draws which answers are wrong (0)")
        parser.add_argument("--concurrency", type=int, default=4, help="raters that act in the same moment (4)")
        parser.add_argument("--patience", type=float, default=900.0, help="seconds to wait for answers (900)")
        parser.add_argument("--url", help="address of the instance (the one that runs here)")

    def handle(self, *args: Any, **options: Any) -> None:
        self._check(options)
        project = project_that_exists(options["project"])
        url = (options["url"] or f"http://127.0.0.1:{settings.INSTANCE.get('port', settings.PORT)}").rstrip("/")
        site = Site(url, reverse("login"), reverse("judge", args=[project.slug]))
        tally = Tally(wanted=options["judgments"])
        try:
            rule = rule_of(options["prefer"])
            accounts = [self._account(project, number) for number in range(1, options["raters"] + 1)]
            raters = [
                HttpRater(site, account, RuleRater(account.username, rule, options["noise"], options["seed"]))
                for account in accounts
            ]
            self.stdout.write(f"{len(raters)} raters prefer {options['prefer']} at {url}{site.judge}")
            ending = simulate(
                raters,
                tally,
                concurrency=options["concurrency"],
                patience=options["patience"],
                say=self.stdout.write,
            )
        except (RuleUnknown, SimulationStopped, TiebreakError) as error:
            raise CommandError(f"{error} {tally.stored.total():,} judgments were stored.") from error
        self._say_summary(tally, ending)

    def _check(self, options: dict[str, Any]) -> None:
        if not 1 <= options["raters"] <= MAX_RATERS:
            raise CommandError(f"--raters must be from 1 to {MAX_RATERS}.")
        if options["judgments"] < 1 or options["concurrency"] < 1 or options["patience"] < 0:
            raise CommandError("--judgments and --concurrency must be at least 1, and --patience at least 0.")
        if not 0 <= options["noise"] <= 1:
            raise CommandError("--noise is a share: from 0 to 1.")

    def _account(self, project: Project, number: int) -> Account:
        """The rater's account with a fresh password. Raises CommandError for the account of a person."""
        name, password = f"sim-{number}", secrets.token_urlsafe(24)
        user = User.objects.filter(username=name).first()
        if user is None:
            user = user_register(username=name, password=password)
        elif user.is_staff or Member.objects.filter(user=user).exclude(role=Role.RATER).exists():
            raise CommandError(f"“{name}” is more than a rater somewhere, so it is not taken over for a simulation.")
        else:
            user.set_password(password)
            user.save(update_fields=["password"])
        member_set_role(project=project, user=user, role=Role.RATER)
        return Account(name, password)

    def _say_summary(self, tally: Tally, ending: Ending) -> None:
        stored = tally.stored.total()
        if ending.reason:
            self.stdout.write(ending.reason)
        if not stored:
            raise CommandError("No judgment was stored.")
        left = tally.sides["a"] + tally.sides["slightly_a"]
        decided = stored - tally.sides["tie"]
        each = ", ".join(f"{name} {tally.stored[name]:,}" for name in sorted(tally.stored, key=_number_of))
        share = f"left preferred in {left / decided:.1%} of {decided:,} that prefer a side" if decided else "all ties"
        self.stdout.write(
            f"{stored:,} of {tally.wanted:,} judgments stored in {ending.seconds:.1f} s, "
            f"{ending.seconds / stored:.3f} s per judgment; {share}; {each}."
        )


def _number_of(username: str) -> int:
    return int(username.rpartition("-")[2])
