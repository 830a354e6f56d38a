"""Fresh answers: every policy answers every prompt `answers_per_prompt` times.

Each answer has its own dice, seeded by (seed, policy, prompt, sample), so what
it draws does not depend on which answers share its batch or on their order.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel

from training import loop, sampling
from training.adapters import adapter_detach
from training.bases import base_load, base_resolve, device_pick
from training.contract import (
    REPORT,
    RESPONSES,
    AnyEvent,
    GenerateRequest,
    Metrics,
    PolicyRef,
    PromptRecord,
    ResponseRecord,
    RunReport,
    Started,
    folder_whole_or_absent,
    rows_read,
    rows_write,
)
from training.errors import NothingToLearn
from training.models import Policy, policy_load

# A base with fewer weights is copied before an adapter is folded into it; a larger one is loaded again instead.
COPIED_BELOW = 200_000_000


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
    for policy in policies_in_turn(request.policies, device):
        journal.stage(f"{policy.ref.label} answers {len(prompts):,} prompts.")
        for sentence in policy.notes:
            if sentence not in journal.notes:
                journal.note(sentence)
        for batch in sampling.answers_written(policy, prompts, settings, request.seed):
            responses += batch.responses
            tokens += batch.tokens
            writing += batch.seconds
            values = {"tokens_per_second": tokens / writing, "responses": float(len(responses))}
            report(Metrics(step=len(responses), total_steps=total, values=values))
        del policy  # its weights make place for the next one's

    order = {prompt.prompt_id: place for place, prompt in enumerate(prompts)}
    labels = {ref.label: place for place, ref in enumerate(request.policies)}
    responses.sort(key=lambda row: (labels[row.policy], order[row.prompt_id], row.sample))
    cut = sum(row.finish == "length" for row in responses)
    if cut:
        journal.note(
            f"{cut} of {len(responses)} answers were cut off, after {settings.max_new_tokens} tokens or where the "
            "model reads no further."
        )
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


def policies_in_turn(refs: Sequence[PolicyRef], device: torch.device) -> Iterator[Policy]:
    """The policies one after the other, each usable until the next is asked for; a base that they share is loaded once.

    An adapter in float32 is folded into the weights: of a copy, unless nobody needs the base afterwards. In lower
    precision it stays beside them and is taken off again. Either way a policy computes what it computes alone.
    """
    for name in dict.fromkeys(ref.base_model for ref in refs):
        sharing = [ref for ref in refs if ref.base_model == name]
        base: PreTrainedModel | None = None
        for turn, ref in enumerate(sharing, start=1):
            base = own = base or base_load(base_resolve(name), device)
            is_changed = ref.adapter is not None and own.dtype == torch.float32 and turn < len(sharing)
            if is_changed and own.num_parameters() < COPIED_BELOW:
                own = copy.deepcopy(own)
            elif is_changed:
                base = None
            policy = policy_load(ref, device, merge=True, base=own)
            yield policy
            if policy.has_adapter:
                adapter_detach(policy.model)
            del policy, own
