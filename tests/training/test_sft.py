"""Imitation: the loss falls, and what comes out is a base model or an adapter like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.training.tiny import CHAT_TEMPLATE, Listener, demonstrations_save
from training.config import SftSettings
from training.contract import DemonstrationRecord, PolicyRef, SftRequest, checkpoint_verify, rows_read
from training.errors import NothingToLearn
from training.sft import HELD_OUT_AT_MOST, _wanted


def sft_request(tmp_path: Path, base: Path, demonstrations: Path, **settings: object) -> SftRequest:
    return SftRequest(
        out_dir=str(tmp_path / "sft"),
        work_dir=str(tmp_path / "sft-work"),
        policy=PolicyRef(label="base", base_model=str(base)),
        demonstrations=str(demonstrations),
        settings=SftSettings.model_validate({"epochs": 4, "learning_rate": 1e-2, "batch_size": 8, **settings}),
    )


def test_of_many_conversations_no_more_are_held_out_than_a_look_can_afford(tmp_path: Path) -> None:
    rows = list(rows_read(demonstrations_save(tmp_path / "rows.jsonl", 20_000), DemonstrationRecord))

    held, trained = (sum(map(_wanted(held_out=side), rows)) for side in (True, False))

    assert (held, held + trained) == (HELD_OUT_AT_MOST, 20_000)


def test_full_fine_tuning_leaves_a_base_model_that_loads_in_one_line(
    base: Path, tmp_path: Path, listener: Listener
) -> None:
    request = sft_request(tmp_path, base, demonstrations_save(tmp_path / "d.jsonl"), lora_rank=0)

    listener.run(request)

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "sft")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "sft")
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert model.config.num_hidden_layers == 2
    assert checkpoint_verify(tmp_path / "sft").weights == "full"


@pytest.mark.parametrize("rank", [0, 4])
def test_the_loss_falls(base: Path, tmp_path: Path, listener: Listener, rank: int) -> None:
    listener.run(sft_request(tmp_path, base, demonstrations_save(tmp_path / "d.jsonl"), lora_rank=rank))

    losses = listener.curve("train/loss")
    assert losses[-1] < 0.7 * losses[0]


def test_the_loss_is_the_library_s_own_on_the_same_tokens(base: Path, tmp_path: Path, listener: Listener) -> None:
    demonstrations = demonstrations_save(tmp_path / "d.jsonl", count=3)
    listener.run(sft_request(tmp_path, base, demonstrations, epochs=1, max_steps=1))

    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    summed, count = 0.0, 0
    for ask, answer in [("Say a (0)", "a a a a"), ("Say b (1)", "b b b"), ("Say c (2)", "c c c c c")]:
        prompt = tokenizer(f"<|bos|><|user|>{ask}<|end|><|assistant|>")["input_ids"]
        written = tokenizer(f"{answer}<|end|>")["input_ids"]
        labels = torch.tensor([[-100] * len(prompt) + written])
        with torch.no_grad():
            loss = model(torch.tensor([prompt + written]), labels=labels).loss
        summed, count = summed + float(loss) * len(written), count + len(written)
    assert listener.curve("train/loss")[0] == pytest.approx(summed / count, rel=1e-4)


def test_a_file_without_a_usable_conversation_is_refused(base: Path, tmp_path: Path, listener: Listener) -> None:
    (tmp_path / "empty.jsonl").write_text("")

    with pytest.raises(NothingToLearn, match=r"empty.jsonl leaves no conversation"):
        listener.run(sft_request(tmp_path, base, tmp_path / "empty.jsonl"))
