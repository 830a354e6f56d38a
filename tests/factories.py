"""Rows that tests need, made the way the product makes them: through services, with a fake engine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection

from annotator.domain.asking import Said
from annotator.domain.lifecycles import RoundState, RunState
from annotator.models import Assignment, Comparison, Dataset, Gold, Judgment, Member, Project, Round, Run, Sitting, User
from annotator.services.assignments import assignment_claim, assignment_skip
from annotator.services.datasets import dataset_create, dataset_execute
from annotator.services.entrance import guideline_acknowledge, member_shown_around
from annotator.services.gold import gold_add
from annotator.services.judgments import judgment_submit
from annotator.services.projects import project_create
from annotator.services.prompts import prompts_add
from annotator.services.rounds import round_advance, round_launch, round_prepare, rounds_to_advance
from annotator.services.runs import run_execute
from annotator.services.sittings import sitting_answer, sitting_begin
from tests.fakes import FakeEngine
from training.config import PRESETS

PASSWORD = "correct horse battery"


def person(username: str, *, is_staff: bool = False) -> User:
    return User.objects.create_user(username, password=PASSWORD, is_staff=is_staff)


def at_home(project: Project, user: User) -> None:
    """This member has read the guideline and was shown around."""
    guideline = project.guidelines.first()
    assert guideline is not None
    guideline_acknowledge(guideline=guideline, user=user)
    member_shown_around(member=Member.objects.get(project=project, user=user))


def gold_of(project: Project, *, use: str, number: int = 1, right: Sequence[str] = ("first",)) -> Gold:
    """A pair whose answer is known; each number is another one."""
    return gold_add(
        project=project,
        use=use,
        messages=[{"role": "user", "content": f"May I return cup {number}?"}],
        first=f"Yes, gladly, within 30 days. ({number})",
        second=f"Never. ({number})",
        right=right,
        explanation="{A} is the **kinder** answer.",
        by=None,
    )


def sat(member: Member, *, right: int, kind: str = "exam") -> Sitting:
    """A whole exam, or practice, of `gold_of` questions; the first `right` answers are right, the others are not."""
    sitting = sitting_begin(member=member, kind=kind)
    for asked in sitting.answers.all():
        is_left = asked.first_on_left == (asked.number <= right)
        sitting_answer(sitting=sitting, number=asked.number, answer="a" if is_left else "b")
    sitting.refresh_from_db()
    return sitting


def project_of(owner: User, slug: str, *, prompts: int = 8, overlap_share: float = 1.0) -> Project:
    """A project with a guideline and `prompts` short prompts, every comparison wanted twice unless said otherwise."""
    project = project_create(
        owner=owner,
        name=slug.capitalize(),
        slug=slug,
        guideline="# What to look for\n\nPrefer the **kinder** answer.",
        overlap=2,
        overlap_share=overlap_share,
        prompts_per_round=prompts,
    )
    conversations = [
        [
            {"role": "system", "content": "Returns within 30 days."},
            {"role": "user", "content": f"Question {number} of {slug}?"},
        ]
        for number in range(prompts)
    ]
    prompts_add(project=project, conversations=conversations, source="test")
    return project


def round_collecting(project: Project) -> Round:
    """The project's next round with its answers written, open for judging."""
    return driven(round_prepare(project=project), RoundState.COLLECTING)


def round_turned(project: Project, *, by: User, raters: Sequence[User]) -> Round:
    """A whole turn: judged by each rater, launched, trained, evaluated; the next round collects."""
    round = round_collecting(project)
    for rater in raters:
        judged(project, rater, limit=6)
    round_launch(round=round, settings=PRESETS["quick"][1], by=by)
    return driven(round, RoundState.CLOSED)


def driven(round: Round, until: RoundState) -> Round:
    """The round after its runs were executed one by one, up to the state `until`."""
    for _ in range(12):
        for round_id in rounds_to_advance():
            round_advance(round_id=round_id)
        round.refresh_from_db()
        if round.state == until:
            break
        for run in Run.objects.filter(project=round.project_id, state=RunState.QUEUED):
            run_execute(run_id=run.pk, worker="test", engine=FakeEngine())
    assert round.state == until
    return round


def held(project: Project, rater: User) -> Assignment:
    assignment = assignment_claim(rater=rater, project=project)
    assert assignment is not None
    return assignment


def flagged(project: Project, rater: User, *kinds: str) -> Comparison:
    """The rater skips their next comparison with these flags."""
    assignment = held(project, rater)
    assignment_skip(assignment=assignment, flags=kinds)
    return Comparison.objects.get(pk=assignment.comparison_id)


def judged(project: Project, rater: User, *, limit: int = 1000, answer: str = "a") -> list[Judgment]:
    """The rater judges what is open to them, up to `limit` comparisons, always with the same answer."""
    judgments: list[Judgment] = []
    while len(judgments) < limit and (assignment := assignment_claim(rater=rater, project=project)):
        judgments.append(judgment_submit(assignment=assignment, said=Said(answer), key=uuid.uuid4(), seconds=12.0))
    return judgments


def datasets_ready(project: Project) -> list[Dataset]:
    """Two versions that are ready."""
    for _ in range(2):
        dataset_execute(dataset_id=dataset_create(project=project, shape="preference", file_format="jsonl").pk)
    return list(project.datasets.order_by("version"))


@contextmanager
def ids_from(last: int) -> Iterator[None]:
    """Judgments get the ids after this one. Put back afterwards, because no rollback does that."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM annotator_judgment_id_seq")
        before = cursor.fetchone()
        cursor.execute("SELECT setval('annotator_judgment_id_seq', %s)", [last])
        try:
            yield
        finally:
            cursor.execute("SELECT setval('annotator_judgment_id_seq', %s)", before)
