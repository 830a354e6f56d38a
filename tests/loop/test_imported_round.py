"""A round on judgments that real people made elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from annotator.engine import engine_start
from annotator.models import Checkpoint, Comparison, Project, Round, Run, User
from annotator.services.rounds import round_launch
from tests import real_data
from tests.workers import work
from training.config import DpoSettings, EvaluateSettings, RewardSettings, RoundSettings, SamplingSettings

SHORT = SamplingSettings(answers_per_prompt=1, max_new_tokens=24)
SETTINGS = RoundSettings(
    reward=RewardSettings(max_steps=2, batch_size=4, max_length=390),
    dpo=DpoSettings(max_steps=2, batch_size=4, max_length=390),
    evaluate=EvaluateSettings(max_length=390, sampling=SHORT),
    generate=SHORT,
)


@pytest.mark.engine
@pytest.mark.slow
def test_a_round_on_imported_votes_trains_and_queues_fresh_comparisons_for_their_prompts(
    db: None, store: Path, tmp_path: Path
) -> None:
    """Slow because 1,464 real pairs are tokenised and five engine processes load torch."""
    User.objects.create_superuser("olga")
    folder = real_data.real("02e_llmfao_llm_crowd_votes")
    call_command("import_preferences", str(folder), "--project", "llmfao", "--errors", str(tmp_path / "errors.jsonl"))
    project = Project.objects.get(slug="llmfao")
    first = Round.objects.get(project=project)

    round_launch(round=first, settings=SETTINGS, by=None)
    work(project, engine_start)

    assert first.snapshot.counts["judgments"] == 6100
    trained = Run.objects.get(round=first, kind="dpo").report
    assert trained is not None
    assert trained["metrics"]["rows/train"] > 40
    assert any("longer than 390 tokens" in note for note in trained["notes"])
    fresh = Comparison.objects.filter(round__number=2)
    assert fresh.count() > 0
    assert set(fresh.values_list("prompt__project", flat=True)) == {project.pk}
    assert Checkpoint.objects.filter(project=project, name="round-1").exists()
