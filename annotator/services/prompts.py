"""Prompts come in; answers are added to them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from annotator.domain.splits import content_sha256, split_of
from annotator.exceptions import InputInvalid
from annotator.models import Checkpoint, Project, Prompt, Response, Run
from training.contract import ResponseRecord

ROLES = ("system", "user", "assistant")
MAX_PROMPT_CHARACTERS = 100_000
BATCH = 500


@transaction.atomic
def prompts_add(*, project: Project, conversations: Iterable[object], source: str = "") -> tuple[int, int]:
    """Add prompts; return how many were new and how many the project knew already.

    All or nothing: raises InputInvalid naming the first conversation that is
    not a list of system, user and assistant turns ending with the user's.
    """
    rows: dict[str, Prompt] = {}
    known = 0
    for number, conversation in enumerate(conversations, start=1):
        messages = _messages(number, conversation)
        sha256 = content_sha256(messages)
        known += sha256 in rows
        rows[sha256] = Prompt(
            project=project, messages=messages, content_sha256=sha256, split=split_of(sha256), source=source
        )
    before = set(
        Prompt.objects.filter(project=project, content_sha256__in=rows).values_list("content_sha256", flat=True)
    )
    fresh = [prompt for sha256, prompt in rows.items() if sha256 not in before]
    Prompt.objects.bulk_create(fresh, batch_size=BATCH, ignore_conflicts=True)
    return len(fresh), known + len(before)


@transaction.atomic
def prompts_add_each(*, project: Project, rows: Iterable[Mapping[str, Any]]) -> list[tuple[int, bool] | InputInvalid]:
    """Add the prompts among `rows` ({"messages", "source"}) that fit, and say of each row what came of it.

    Its id and whether it is new; or why it does not fit, which stops no other row.
    """
    sent: list[str | InputInvalid] = []
    fresh: dict[str, Prompt] = {}
    for number, row in enumerate(rows, start=1):
        try:
            messages = _messages(number, row["messages"])
        except InputInvalid as error:
            sent.append(error)
            continue
        sha256 = content_sha256(messages)
        sent.append(sha256)
        fresh.setdefault(sha256, Prompt(
            project=project, messages=messages, content_sha256=sha256, split=split_of(sha256), source=row["source"]
        ))  # fmt: skip
    known = _prompt_ids(project, fresh)
    wanted = [prompt for sha256, prompt in fresh.items() if sha256 not in known]
    Prompt.objects.bulk_create(wanted, batch_size=BATCH, ignore_conflicts=True)
    ids = known | _prompt_ids(project, [prompt.content_sha256 for prompt in wanted])
    first = {prompt.content_sha256: True for prompt in wanted}  # the same text twice is new once
    return [one if isinstance(one, InputInvalid) else (ids[one], first.pop(one, False)) for one in sent]


def _prompt_ids(project: Project, digests: Collection[str]) -> dict[str, int]:
    found = Prompt.objects.filter(project=project, content_sha256__in=digests)
    return dict(found.values_list("content_sha256", "pk"))


def responses_add(
    *, run: Run, checkpoints: Mapping[str, Checkpoint], records: Iterable[ResponseRecord], sampling: dict[str, Any]
) -> int:
    """Store the answers that a run wrote; a second delivery of the same run adds nothing.

    checkpoints  policy label in the records → the checkpoint that wrote them
    """
    rows = [
        Response(
            prompt_id=int(record.prompt_id),
            checkpoint=checkpoints[record.policy],
            run=run,
            sample=record.sample,
            text=record.text,
            text_sha256=text_sha256(record.text),
            token_ids=record.token_ids,
            finish=record.finish,
            sampling=sampling,
        )
        for record in records
    ]
    Response.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    return len(rows)


@transaction.atomic
def responses_add_each(*, project: Project, rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, bool] | InputInvalid]:
    """Add answers that were written elsewhere ({"prompt", "text", "author", "label"}), and say of each what came of it.

    Its id and whether it is new: the same text by the same author is one answer. Or why it does not fit.
    """
    prompts = set(
        Prompt.objects.filter(project=project, pk__in={row["prompt"] for row in rows}).values_list("pk", flat=True)
    )
    keys = [(row["prompt"], row["author"], text_sha256(row["text"])) for row in rows]
    known = _response_ids(keys)
    fresh: dict[ResponseKey, Response] = {}
    for key, row in zip(keys, rows, strict=True):
        if row["prompt"] in prompts and key not in known:
            fresh.setdefault(key, Response(
                prompt_id=row["prompt"], author=row["author"], text=row["text"], text_sha256=key[2], label=row["label"]
            ))  # fmt: skip
    Response.objects.bulk_create(fresh.values(), batch_size=BATCH, ignore_conflicts=True)
    ids = known | _response_ids(list(fresh))
    first = dict.fromkeys(fresh, True)  # the same answer twice is new once
    nowhere = InputInvalid(_("There is no such prompt in this project."))
    return [(ids[key], first.pop(key, False)) if key[0] in prompts else nowhere for key in keys]


ResponseKey = tuple[int, str, str]  # prompt, author, digest of the text


def _response_ids(keys: Collection[ResponseKey]) -> dict[ResponseKey, int]:
    """Of imported answers to these prompts with these texts."""
    found = Response.objects.filter(
        run=None, prompt__in={key[0] for key in keys}, text_sha256__in={key[2] for key in keys}
    )
    return {(prompt, author, sha256): pk for prompt, author, sha256, pk in
            found.values_list("prompt_id", "author", "text_sha256", "pk")}  # fmt: skip


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _messages(number: int, conversation: object) -> list[dict[str, str]]:
    """The turns of something that should be a conversation."""
    if not isinstance(conversation, Sequence) or isinstance(conversation, str) or not conversation:
        raise InputInvalid(_("Prompt %(number)s is not a list of turns.") % {"number": number})
    messages = []
    for turn in conversation:
        if not isinstance(turn, Mapping) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise InputInvalid(
                _("Prompt %(number)s: every turn needs a “role” (system, user or assistant) and a “content” text.")
                % {"number": number}
            )
        if "\x00" in turn["content"]:
            raise InputInvalid(
                _("Prompt %(number)s contains a NUL character, which cannot be stored.") % {"number": number}
            )
        messages.append({"role": turn["role"], "content": turn["content"]})
    if messages[-1]["role"] != "user":
        raise InputInvalid(
            _("Prompt %(number)s ends with %(role)s; the last turn must be the user's.")
            % {"number": number, "role": messages[-1]["role"]}
        )
    if not messages[-1]["content"].strip():
        raise InputInvalid(_("Prompt %(number)s: the last turn is empty.") % {"number": number})
    if sum(len(turn["content"]) for turn in messages) > MAX_PROMPT_CHARACTERS:
        most = number_format(MAX_PROMPT_CHARACTERS, force_grouping=True)
        raise InputInvalid(
            _("Prompt %(number)s is longer than %(most)s characters.") % {"number": number, "most": most}
        )
    return messages
