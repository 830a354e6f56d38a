"""Fresh answers: every policy answers every prompt `answers_per_prompt` times.

Each answer has its own dice, seeded by (seed, policy, prompt, sample), so what
it draws does not depend on which answers share its batch or on their order.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training import loop, sampling
from training.bases import device_pick
from training.contract import (
    REPORT,
    RESPONSES,
    AnyEvent,
    GenerateRequest,
    Metrics,
    PromptRecord,
    ResponseRecord,
    RunReport,
    Started,
    folder_whole_or_absent,
    rows_read,
    rows_write,
)
from training.errors import NothingToLearn
from training.models import policy_load


def generate(request: GenerateRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Write the answers of all policies; `responses.jsonl` stands when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    device = device_pick(request.device)
    prompts = list(rows_read(Path(request.prompts), PromptRecord))
    if not prompts:
        raise NothingToLearn(f"{Path(request.prompts).name} holds no prompt to answer.")
    total = len(request.policies) * len(prompts) * settings.answers_per_prompt
    report(Started(total_steps=total, device=str(device)))

    responses: list[ResponseRecord] = []
    tokens, writing = 0, 0.0
    for ref in request.policies:
        journal.stage(f"{ref.label} answers {len(prompts):,} prompts.")
        policy = policy_load(ref, device, merge=True)
        for sentence in policy.notes:
            journal.note(sentence)
        for batch in sampling.answers_written(policy, prompts, settings, request.seed):
            responses += batch.responses
            tokens += batch.tokens
            writing += batch.seconds
            values = {"tokens_per_second": tokens / writing, "responses": float(len(responses))}
            report(Metrics(step=len(responses), total_steps=total, values=values))
        del policy

    order = {prompt.prompt_id: place for place, prompt in enumerate(prompts)}
    labels = {ref.label: place for place, ref in enumerate(request.policies)}
    responses.sort(key=lambda row: (labels[row.policy], order[row.prompt_id], row.sample))
    cut = sum(row.finish == "length" for row in responses)
    if cut:
        journal.note(f"{cut} of {len(responses)} answers were cut off after {settings.max_new_tokens} tokens.")
    finished = RunReport(
        kind="generate",
        seconds=journal.seconds,
        metrics={
            "responses": float(len(responses)),
            "tokens": float(tokens),
            "tokens_per_second": tokens / writing if writing else 0.0,
            "length/mean": tokens / len(responses),
            "share_cut_off": cut / len(responses),
        },
        notes=journal.notes,
        versions=loop.versions(),
        device=str(device),
    )
    with folder_whole_or_absent(Path(request.out_dir)) as folder:
        rows_write(folder / RESPONSES, responses)
        (folder / REPORT).write_text(finished.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return finished
