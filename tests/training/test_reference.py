"""What the parent thinks is kept by content: never stale, never mixed up, and never in the way of a run."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.training.tiny import Listener, dpo_request, planted, snapshot_save
from training.contract import PolicyRef
from training.models import Policy, policy_load
from training.reference import CHUNK, SPOT_CHECKS_AT_LEAST, LogprobsR2, LogprobStore, policy_identity, reference_of
from training.rows import PairTokens

CPU = torch.device("cpu")


@dataclass
class Parent:
    """Thinks of an answer what its ids sum to, and remembers which comparisons it was asked about."""

    shift: float = 0.0
    asked: list[int] = field(default_factory=list)

    def score(self, pairs: Sequence[PairTokens]) -> Tensor:
        self.asked += [pair.group for pair in pairs]
        sides = [[-float(ids.sum()) / 7 + self.shift for ids in (pair.first_ids, pair.second_ids)] for pair in pairs]
        return torch.tensor(sides, dtype=torch.float64)


def pairs_of(count: int) -> list[PairTokens]:
    dice = np.random.default_rng(0)

    def ids() -> npt.NDArray[np.int32]:
        return dice.integers(6, 200, int(dice.integers(2, 9)), np.int32)

    return [PairTokens(row, ids(), ids(), ids(), np.zeros((1, 4))) for row in range(count)]


def asked(
    folder: Path, pairs: Sequence[PairTokens], parent: Parent, *, identity: str = "parent", by_pair: bool = False
) -> tuple[LogprobsR2, str]:
    """The reference of a run of its own, with the store that all runs of the folder share."""
    file = folder / f"reference-{len(list(folder.iterdir()))}.bin"
    return reference_of(
        pairs, file, LogprobStore(folder / "cache"), identity, score=parent.score, batch_size=5, by_pair=by_pair
    )


def truth(pairs: Sequence[PairTokens], shift: float = 0.0) -> Tensor:
    return Parent(shift).score(pairs)


# --- the store ---------------------------------------------------------------


def test_what_is_not_there_is_not_a_number(tmp_path: Path) -> None:
    store = LogprobStore(tmp_path)
    store.put([b"a"], [-1.5])

    known, unknown = store.get([b"a", b"b"])

    assert known == -1.5
    assert math.isnan(unknown)


def test_a_number_comes_back_to_the_last_bit_and_the_newest_counts(tmp_path: Path) -> None:
    store = LogprobStore(tmp_path)
    store.put([b"a"], [1.0])
    store.put([b"a"], [-300.1234567890123])

    assert LogprobStore(tmp_path).get([b"a"]) == [-300.1234567890123]


def test_runs_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    def write(run: int) -> None:
        store = LogprobStore(tmp_path)
        for batch in range(5):
            keys = [f"{run}/{batch}/{row}".encode() for row in range(20)]
            store.put(keys, [float(run)] * len(keys))

    with ThreadPoolExecutor(4) as runs:
        list(runs.map(write, range(4)))

    keys = [f"{run}/{batch}/{row}".encode() for run in range(4) for batch in range(5) for row in range(20)]
    assert LogprobStore(tmp_path).get(keys) == [float(run) for run in range(4) for _ in range(100)]


# --- what is asked again -----------------------------------------------------


def test_every_row_is_asked_once_and_a_second_run_only_checks_a_few(tmp_path: Path) -> None:
    pairs, first, second = pairs_of(CHUNK + 20), Parent(), Parent()

    asked(tmp_path, pairs, first)
    logprob_R2, done = asked(tmp_path, pairs, second)

    assert sorted(first.asked) == list(range(CHUNK + 20))
    assert SPOT_CHECKS_AT_LEAST <= len(second.asked) < 20
    assert np.array_equal(logprob_R2, truth(pairs))
    assert done.startswith(f"The parent was asked about {len(second.asked)} comparisons; ")


def test_rows_in_another_order_are_the_same_rows(tmp_path: Path) -> None:
    """Trap 17 (trl#2423, #7083, #6403, open-instruct#1868): kept by row number, values met other rows."""
    pairs, again = pairs_of(30), Parent()
    asked(tmp_path, pairs, Parent())

    logprob_R2, _ = asked(tmp_path, pairs[::-1], again)

    assert len(again.asked) < 15
    assert np.array_equal(logprob_R2, truth(pairs[::-1]))


@pytest.mark.parametrize("part", ["prompt_ids", "first_ids", "second_ids"])
def test_a_row_with_another_token_is_another_row(tmp_path: Path, part: str) -> None:
    """Trap 17 (trl#3985, open-instruct#1868): a digest that does not see everything hands out stale values."""
    pairs, again = pairs_of(30), Parent()
    asked(tmp_path, pairs, Parent())
    edited = getattr(pairs[20], part).copy()
    edited[-1] += 1
    changed = [*pairs[:20], replace(pairs[20], **{part: edited}), *pairs[21:]]

    logprob_R2, _ = asked(tmp_path, changed, again)

    assert 20 in again.asked
    assert len(again.asked) < 15
    assert np.array_equal(logprob_R2, truth(changed))


def test_another_parent_is_asked_anew(tmp_path: Path) -> None:
    pairs, other = pairs_of(10), Parent(shift=0.001)
    asked(tmp_path, pairs, Parent())

    logprob_R2, _ = asked(tmp_path, pairs, other, identity="other")

    assert len(other.asked) == 10
    assert np.array_equal(logprob_R2, truth(pairs, 0.001))


def test_answers_that_no_longer_hold_are_all_thrown_away(tmp_path: Path) -> None:
    """Trap 17: something that no digest knows has changed, in all rows though only a few are checked."""
    pairs, changed, next_run = pairs_of(3 * CHUNK), Parent(shift=1.0), Parent(shift=1.0)
    asked(tmp_path, pairs, Parent())

    logprob_R2, done = asked(tmp_path, pairs, changed)
    asked(tmp_path, pairs, next_run)

    assert np.array_equal(logprob_R2, truth(pairs, 1.0))
    assert done.endswith("Answers that were kept did not hold when checked, so all were computed anew.")
    assert len(next_run.asked) < CHUNK


def test_kept_answers_stay_to_the_last_bit_when_they_are_checked(tmp_path: Path) -> None:
    """Trap 15: a killed run that starts again must see the same reference, though its batches differ in rounding."""
    pairs = pairs_of(20)
    before, _ = asked(tmp_path, pairs, Parent())

    after, _ = asked(tmp_path, pairs, Parent(shift=1e-6))

    assert np.array_equal(before, after)


def test_sums_that_depend_on_the_other_answer_are_kept_by_its_length(tmp_path: Path) -> None:
    pair, again = pairs_of(1)[0], Parent()
    pair = replace(pair, first_ids=np.arange(6, 12, dtype=np.int32), second_ids=np.arange(6, 9, dtype=np.int32))
    longer = replace(pair, second_ids=np.arange(6, 10, dtype=np.int32))
    asked(tmp_path, [pair], Parent(), by_pair=True)

    asked(tmp_path, [longer], again, by_pair=True)
    known, _ = asked(tmp_path, [longer], Parent(), by_pair=True)

    assert again.asked == [pair.group]
    assert np.array_equal(known, truth([longer]))


def test_without_rows_nobody_is_asked(tmp_path: Path) -> None:
    logprob_R2, done = asked(tmp_path, [], Parent())

    assert (logprob_R2.shape, done) == ((0, 2), "")


# --- whom a number belongs to ------------------------------------------------


def identity_of(base: Path, *how: object, adapter: Path | None = None, **options: Any) -> str:
    ref = PolicyRef(label="any", base_model=str(base), adapter=str(adapter) if adapter else None)
    return policy_identity(policy_load(ref, CPU, **options), *how)


def test_everything_that_changes_a_number_changes_whom_it_belongs_to(base: Path, tmp_path: Path) -> None:
    Listener().run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "s", planted(4)), "child", max_steps=1))
    other_weights, other_shape = (Path(shutil.copytree(base, tmp_path / name)) for name in ("weights", "shape"))
    weights = load_file(other_weights / "model.safetensors")
    weights["model.norm.weight"][0] += 1e-3
    save_file(weights, other_weights / "model.safetensors", {"format": "pt"})
    config = json.loads((other_shape / "config.json").read_text())
    (other_shape / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-3}))

    identities = [
        identity_of(base, "shared", None),
        identity_of(base, "separate", None),
        identity_of(base, "shared", 0.5),
        identity_of(base, "shared", None, precision="bfloat16"),
        identity_of(base, "shared", None, adapter=tmp_path / "child"),
        identity_of(other_weights, "shared", None),
        identity_of(other_shape, "shared", None),
    ]

    assert len(set(identities)) == len(identities)


def test_where_a_model_lies_and_what_it_is_called_change_nothing(base: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(base, tmp_path / "copy"))

    assert identity_of(base, "shared") == identity_of(copied, "shared")


def test_the_attention_belongs_to_it(base: Path) -> None:
    policy: Policy = policy_load(PolicyRef(label="any", base_model=str(base)), CPU)
    before = policy_identity(policy)

    policy.inner.set_attn_implementation("eager")

    assert policy_identity(policy) != before


# --- in a run ----------------------------------------------------------------


def test_a_run_is_the_same_bit_for_bit_whether_its_parent_was_asked_before(base: Path, tmp_path: Path) -> None:
    """Trap 17 (trl#6403): asking the parent moved the dice, so rows came in another order than without it."""
    snapshot = snapshot_save(tmp_path / "s", planted(24, holdout=8))
    curves = []
    for name in ("fresh", "known"):
        request = dpo_request(tmp_path, base, snapshot, name, batch_size=4, lora_dropout=0.1, learning_rate=1e-2)
        listener = Listener()
        listener.run(request.model_copy(update={"cache_dir": str(tmp_path / "cache")}))
        curves.append([listener.curve(metric) for metric in ("train/loss", "eval/loss", "rewards/chosen")])
        stages = [event.sentence for event in listener.events if event.event == "stage"]

    assert curves[0] == curves[1]
    assert any("24 were known from before" in sentence for sentence in stages)
    adapters = [load_file(tmp_path / name / "adapter_model.safetensors") for name in ("fresh", "known")]
    assert all(torch.equal(adapters[0][name], adapters[1][name]) for name in adapters[0])
