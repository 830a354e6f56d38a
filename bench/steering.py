"""What the owner's side of the queue costs: python -m bench.steering [--comparisons 200000] [--rounds 5]

An instance as `make up` starts it, with one project whose comparisons have three judgments each, a fifth of them two
to one, a tenth of the prompts tagged.

1. The list of what waits for adjudication.
2. A rule by tag placed over the whole round, and taken back.
3. A whole pass of scores after new judgments; and by the disagreement of an ensemble of four heads, once its rewards
   are there, with the list of adjudication among them.
4. A judgment in this process, without HTTP, with adaptive overlap off and on in turns.

The last line is one JSON object, times in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.instance import instance
from bench.queue_world import project_made, raters_made

if TYPE_CHECKING:
    from annotator.models import Project, User

RATERS = 200
JUDGMENTS = 100  # in a row with one setting
STORED = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.steering", description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with instance(home) as environment:
            os.environ |= environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
            import django

            django.setup()
            print(json.dumps(measured(arguments.comparisons, arguments.rounds)))
    return 0


def measured(comparisons: int, rounds: int) -> dict[str, float]:
    from django.core.cache import cache

    from annotator.models import Project, User
    from annotator.selectors.adjudication import adjudications_waiting
    from annotator.selectors.votes import votes_counted_of
    from annotator.services.comparisons import comparisons_place
    from annotator.services.queue import queue_update
    from annotator.services.scores import scores_refresh

    raters = raters_made(RATERS)
    made = project_made("steered", comparisons=comparisons, wanted=STORED + 2, stored=STORED, raters=raters)
    project = Project.objects.get(pk=made)
    disputed()
    round = project.rounds.get()
    owner = project.members.get(role="owner").user
    found: dict[str, float] = {"comparisons": comparisons, "judgments": comparisons * STORED}
    found["adjudication_list"] = median(timed(lambda: adjudications_waiting(project, owner)) for _ in range(rounds))
    rule = [{"tag": "law", "group": "lawyers", "priority": 1}]
    for name, rules in (("rule_placed", rule), ("rule_taken_back", [])):
        found[f"{name}_request"] = timed(partial(queue_update, project=project, tag_rules=rules))
        found[name] = timed(partial(comparisons_place, round_id=round.pk))
    found["votes_counted_first"] = timed(lambda: votes_counted_of(project))
    found["scores_first_pass"] = timed(lambda: scores_refresh(round=round, seconds=1e9))
    cache.delete(f"scores-{round.pk}")
    found["scores_unchanged_pass"] = timed(lambda: scores_refresh(round=round, seconds=1e9))
    rewarded(project)
    found["rewards_first_pass"] = timed(lambda: scores_refresh(round=round, seconds=1e9))
    found["adjudication_list_rewards"] = median(
        timed(lambda: adjudications_waiting(project, owner)) for _ in range(rounds)
    )
    people = list(User.objects.filter(pk__in=[one.user for one in raters]))
    times: dict[int | None, list[float]] = {None: [], 9: []}
    for turn in range(2 * rounds):
        most = (None, 9)[turn % 2]
        Project.objects.filter(pk=project.pk).update(adaptive_most=most)
        times[most] += judged(project, people)
    found["judgment_off"], found["judgment_on"] = median(times[None]), median(times[9])
    return {name: value if isinstance(value, int) else float(f"{value:.2f}") for name, value in found.items()}


def rewarded(project: Project) -> None:
    """Every answer was read by one reward model with four heads, and the project goes by where they disagree."""
    from django.db import connection

    from annotator.models import Checkpoint

    judge = Checkpoint.objects.create(project=project, kind="reward", name="judge", settings={"ensemble": 4})
    round = project.rounds.get()
    newest = round.comparisons.latest("pk").pk
    details = {"judges": [judge.pk], "after": 0, "upto": newest}
    round.runs.create(project=project, kind="score", state="succeeded", details=details)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO annotator_reward (response_id, checkpoint_id, value, heads)"
            " SELECT id, %s, random(), ARRAY[random(), random(), random(), random()] FROM annotator_response",
            [judge.pk],
        )
        cursor.execute("ANALYZE annotator_reward", [])
    project.informative_by = "disagreement"
    project.save(update_fields=["informative_by"])


def disputed() -> None:
    """A fifth of the comparisons two to one, a tenth of the prompts about law."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE annotator_comparison SET for_first = 2, for_second = 1 WHERE id %% 5 = 0", [])
        cursor.execute("UPDATE annotator_prompt SET tags = '{law}' WHERE id %% 10 = 0", [])
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE annotator_comparison")


def judged(project: Project, people: list[User]) -> list[float]:
    """Milliseconds of each of so many judgments; the claim before it is not in them."""
    from annotator.domain.asking import Said
    from annotator.services.assignments import assignment_claim
    from annotator.services.judgments import judgment_submit

    found = []
    for number in range(JUDGMENTS):
        held = assignment_claim(rater=people[number % len(people)], project=project)
        assert held
        found.append(timed(partial(judgment_submit, assignment=held, said=Said("a"), key=uuid.uuid4())))
    return found


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    raise SystemExit(main())
