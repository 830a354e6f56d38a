"""What a reward model said of answers is kept beside them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean

from annotator.models import Response, Reward
from training.contract import RewardRecord

PAGE = 5000


def rewards_add(*, judges: Mapping[str, int], records: Iterable[RewardRecord]) -> Iterator[int]:
    """Store rewards in pages and yield how many each held; what is there already stays, and so adds nothing.

    judges  label in the records → id of the reward model
    """
    rows = iter(records)
    while page := list(itertools.islice(rows, PAGE)):
        # An import that was taken back while the run was scoring took its answers with it.
        there = set(Response.objects.filter(pk__in=[int(row.response_id) for row in page]).values_list("pk", flat=True))
        Reward.objects.bulk_create(
            (
                Reward(
                    response_id=int(row.response_id), checkpoint_id=judges[row.judge], value=fmean(row.heads),
                    heads=row.heads,
                )
                for row in page
                if int(row.response_id) in there
            ),
            ignore_conflicts=True,
        )  # fmt: skip
        yield len(page)
