"""What hidden checks cost, and whether their time gives them away: python -m bench.checks [--judgments 3000]

An instance as `make up` starts it. Raters claim and answer through the services,
one after the other, with and without checks: without a browser and a web
server, the difference is as visible as it can be. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.instance import instance
from bench.queue_world import project_made, raters_made

if TYPE_CHECKING:  # models need Django set up on the instance
    from annotator.models import Project, User

Seconds = dict[str, list[float]]
RATES = {"gold": 0.05, "repeat": 0.025, "swap": 0.025, "min_seconds": 2.0, "gold_least": 0.1, "gold_after": 1000}
RATERS = 30
COMPARISONS = 20_000
GOLD = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.checks", description=__doc__.splitlines()[0])
    parser.add_argument("--judgments", type=int, default=3000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with instance(home) as environment:
            os.environ |= environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
            import django

            django.setup()
            print(json.dumps(measured(arguments.judgments)))
    return 0


def measured(judgments: int) -> dict[str, float]:
    from annotator.models import Project, User
    from annotator.selectors.checks import raters_checked, rules_of
    from annotator.services.checks import check_rules_set
    from annotator.services.gold import gold_add

    raters = raters_made(RATERS)
    project = Project.objects.get(
        pk=project_made("checked", comparisons=COMPARISONS, wanted=2, stored=1, raters=raters)
    )
    users = [User.objects.get(pk=one.user) for one in raters]
    for number in range(GOLD):
        gold_add(
            project=project, use="check", messages=[{"role": "user", "content": f"Where is parcel {number}?"}],
            first=f"On its way. ({number})", second=f"No idea. ({number})", right=["first"], explanation="", by=None,
        )  # fmt: skip
    found: dict[str, float] = {}
    for name, rules in (("off", {}), ("on", RATES)):
        check_rules_set(project=project, rules=dict(rules))
        judge(project, users, judgments // 4)  # caches fill, statements are prepared
        claims, answers = judge(project, users, judgments)
        for kind in ("work", "check"):
            for what, took in (("claim", claims[kind]), ("answer", answers[kind])):
                if took:
                    found[f"{what}_{kind}_{name}_ms"] = round(median(took) * 1000, 2)
                    found[f"{what}_{kind}_{name}_n"] = len(took)
    began = time.perf_counter()
    rows = raters_checked(project, rules_of(project))
    found["page_ms"], found["page_raters"] = round((time.perf_counter() - began) * 1000, 1), len(rows)
    for line, value in found.items():
        print(f"{line}: {value}")
    return found


def judge(project: Project, users: list[User], judgments: int) -> tuple[Seconds, Seconds]:
    """Seconds of each claim and of each answer, by whether a check was among what was claimed or answered."""
    from annotator.domain.asking import Said
    from annotator.models import Assignment
    from annotator.services.assignments import assignments_of, held_claim
    from annotator.services.judgments import judgment_submit

    claims: Seconds = {"work": [], "check": []}
    answers: Seconds = {"work": [], "check": []}
    for number in range(judgments):
        user = users[number % len(users)]
        known = set(Assignment.objects.filter(rater=user, state="held").values_list("pk", flat=True))
        began = time.perf_counter()
        held = held_claim(rater=user, project=project, groups=[])
        took = time.perf_counter() - began
        new = Assignment.objects.filter(pk__in=[pk for pk in held if pk not in known])
        claims["check" if new.exclude(check_kind="").exists() else "work"].append(took)
        assignment = assignments_of(user, project).get(pk=held[0])
        began = time.perf_counter()
        judgment_submit(assignment=assignment, said=Said("a"), key=uuid.uuid4(), seconds=8.0)
        answers["check" if assignment.check_kind else "work"].append(time.perf_counter() - began)
    return claims, answers


if __name__ == "__main__":
    raise SystemExit(main())
