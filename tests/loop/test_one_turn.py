"""Everything once, nothing faked: prompts, answers, judgments, training, fresh answers, with the starter policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotator.domain.asking import Said
from annotator.domain.lifecycles import RoundState
from annotator.engine import engine_start, starter_prompts
from annotator.models import Checkpoint, Comparison, Project, Reward, Role, Round, User
from annotator.services.assignments import assignment_claim
from annotator.services.judgments import judgment_submit
from annotator.services.projects import member_set_role, project_create, project_update
from annotator.services.prompts import prompts_add
from annotator.services.rounds import round_launch, round_prepare
from annotator.services.scores import scores_refresh
from annotator.services.scoring import scoring_queue
from annotator.store import store_path
from tests.keys import key
from tests.workers import work
from training.config import (
    DpoSettings,
    EvaluateSettings,
    RewardSettings,
    RoundSettings,
    SamplingSettings,
)

PROMPTS = 40
SHORT = SamplingSettings(answers_per_prompt=1, max_new_tokens=48)
SETTINGS = RoundSettings(
    reward=RewardSettings(max_steps=4, batch_size=8),
    dpo=DpoSettings(max_steps=4, batch_size=8),
    evaluate=EvaluateSettings(held_out_prompts=6, sampling=SHORT),
    generate=SHORT,
)


@pytest.fixture
def project(db: None, store: Path) -> Project:
    olga = User.objects.create_user("olga")
    project = project_create(owner=olga, name="Shop", slug="shop", overlap_share=0.0, comparisons_per_prompt=1)
    prompts_add(project=project, conversations=starter_prompts(PROMPTS, seed=3))
    return project


def judge_all(project: Project, rater: User) -> int:
    """Prefer the shorter answer everywhere; return how many were judged."""
    count = 0
    while (assignment := assignment_claim(rater=rater, project=project)) is not None:
        answer = "a" if len(assignment.left.text) < len(assignment.right.text) else "b"
        judgment_submit(assignment=assignment, said=Said(answer), key=key(count))
        count += 1
    return count


@pytest.mark.engine
@pytest.mark.slow
def test_judgments_become_a_checkpoint_whose_answers_are_the_next_comparisons(project: Project) -> None:
    """Slow because six real engine processes load torch one after the other; that is the loop."""
    ann = User.objects.create_user("ann")
    member_set_role(project=project, user=ann, role=Role.RATER)
    first = round_prepare(project=project, settings=SETTINGS)
    work(project, engine_start)
    judged = judge_all(project, ann)
    assert judged > PROMPTS / 2

    round_launch(round=first, settings=SETTINGS, by=None)
    work(project, engine_start)

    candidate = Checkpoint.objects.get(name="round-1")
    second = Round.objects.get(number=2)
    assert second.state == RoundState.COLLECTING
    authors = Comparison.objects.filter(round=second).values_list("first__checkpoint", "second__checkpoint")
    assert {frozenset(pair) for pair in authors} == {frozenset({candidate.pk, candidate.parent_id})}
    assert assignment_claim(rater=ann, project=project) is not None
    for name in ("reward/accuracy", "dpo/accuracy", "win_rate", "kl", "length_ratio"):
        estimate = candidate.metrics[name]
        assert estimate["low"] <= estimate["value"] <= estimate["high"], name
    folder = store_path(candidate.path)
    assert json.loads((folder / "manifest.json").read_text())["snapshot_sha256"] == first.snapshot.sha256
    assert (folder / "adapter_model.safetensors").is_file()

    project_update(project=project, informative_by="disagreement")
    assert scoring_queue(round=second) is not None
    work(project, engine_start)
    compared = {answer for pair in second.comparisons.values_list("first", "second") for answer in pair}
    assert set(Reward.objects.values_list("response", flat=True)) == compared
    assert scores_refresh(round=second) > 0
