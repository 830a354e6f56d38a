"""Reward models on BERT-like encoders: another vocabulary, both directions, no end of turn; the same judge."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tests.training.test_reward_model import scores
from tests.training.tiny import Listener, dpo_request, planted, preference, prompts_save, reward_request, snapshot_save
from training.config import EvaluateSettings, RewardSettings, SamplingSettings
from training.contract import EvaluateRequest, PolicyRef, report_read
from training.reward import BradleyTerry
from training.reward_model import Encoder, reward_model_load
from training.rows import preference_rows

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT shape with random weights and a token per letter."""
    folder = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *map(chr, range(33, 127))]
    plain = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, "[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("", "isolated")]
    )
    plain.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def reader(base: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judge on the encoder, trained on what a policy with another tokenizer wrote."""
    folder = tmp_path_factory.mktemp("reader")
    rows = [
        row.model_copy(update={"first": row.first.model_copy(update={"token_ids": [200, 201, 202]})})
        for row in planted(48, holdout=16)
    ]
    snapshot = snapshot_save(folder / "snapshot", rows)
    Listener().run(reward_request(folder, base, snapshot, backbone=str(encoder), epochs=3, learning_rate=1e-2))
    return folder


def test_an_encoder_learns_to_judge_and_reads_texts_only(reader: Path) -> None:
    """The ids of the policy are not even in its vocabulary."""
    report = report_read(reader / "reward")

    assert report.estimates["accuracy"].value > 0.9
    assert report.estimates["accuracy"].n == 16


def test_an_encoder_scores_a_batch_as_it_scores_each_answer_alone(reader: Path) -> None:
    model = reward_model_load(reader / "reward", CPU)
    answers = ["YES", "no", "Perhaps", "a" * 40]

    alone = [scores(model, [answer])[0] for answer in answers]

    assert isinstance(model.backbone, Encoder)
    assert scores(model, answers) == pytest.approx(alone, abs=1e-5)
    assert len({round(reward, 3) for reward in alone}) == 4


@pytest.mark.parametrize("lora_rank", [0, 4])
def test_an_encoder_is_saved_and_read_back_with_the_same_rewards(
    base: Path, encoder: Path, tmp_path: Path, lora_rank: int
) -> None:
    """The accuracy in its report was measured before it was saved; read back it must not differ by one row."""
    snapshot = snapshot_save(tmp_path / "s", planted(24, holdout=24))
    report = Listener().run(
        reward_request(tmp_path, base, snapshot, backbone=str(encoder), lora_rank=lora_rank, learning_rate=3e-3)
    )

    model = reward_model_load(tmp_path / "reward", CPU)

    rows = preference_rows(snapshot, tmp_path / "again", model.backbone.speech, RewardSettings(), max_length=200)
    look = BradleyTerry(model, rows, RewardSettings(), "separate", 0).look(rows.holdout).values()
    assert look["eval/loss"] == pytest.approx(report.metrics["eval/loss"], rel=1e-4)
    assert look["eval/accuracy"] == report.metrics["eval/accuracy"]


def evaluation(base: Path, reader: Path, folder: Path, *, adapter: Path | None, tokens: int) -> EvaluateRequest:
    return EvaluateRequest(
        out_dir=str(folder / "evaluation"),
        work_dir=str(folder / "work"),
        candidate=PolicyRef(label="child", base_model=str(base), adapter=str(adapter) if adapter else None),
        parent=PolicyRef(label="parent", base_model=str(base)),
        reward_dir=str(reader / "reward"),
        snapshot_dir=str(reader / "snapshot"),
        prompts=str(prompts_save(folder / "prompts.jsonl", 6)),
        settings=EvaluateSettings(sampling=SamplingSettings(max_new_tokens=tokens, answers_per_prompt=1)),
    )


def test_a_judge_may_stand_on_another_backbone_than_the_policies_that_it_judges(
    base: Path, reader: Path, tmp_path: Path, listener: Listener
) -> None:
    Listener().run(dpo_request(tmp_path, base, reader / "snapshot", max_steps=1, learning_rate=1e-2))

    report = listener.run(evaluation(base, reader, tmp_path, adapter=tmp_path / "dpo", tokens=8))

    assert report.estimates["reward/accuracy"].value > 0.9
    assert report.estimates["reward/accuracy"].n == report.estimates["dpo/accuracy"].n == 16
    assert report.estimates["win_rate"].n == 6
    assert 0 <= report.estimates["win_rate"].value <= 1


def test_rows_that_an_encoder_cannot_read_are_left_out_and_counted(
    base: Path, encoder: Path, tmp_path: Path, listener: Listener
) -> None:
    """Its table of positions ends at 64 tokens; one more would be an error in the middle of a step."""
    snapshot = snapshot_save(tmp_path / "s", [*planted(8, holdout=2), preference(99, "x" * 60, "y")])

    listener.run(reward_request(tmp_path, base, snapshot, backbone=str(encoder), max_steps=1))

    assert listener.notes() == ["1 comparison left out: longer than the 64 tokens that the model reads."]


def test_answers_that_a_judge_cannot_read_are_left_out_of_the_win_rate(
    base: Path, reader: Path, tmp_path: Path, listener: Listener
) -> None:
    """This parent writes 60 tokens to every prompt, of which the judge reads no more than 64 with the prompt."""
    request = evaluation(base, reader, tmp_path, adapter=None, tokens=60)

    report = listener.run(request)

    cut = [note for note in report.notes if "longer than the reward model reads" in note]
    assert len(cut) == 1
    assert report.estimates["win_rate"].n + int(cut[0].split()[0]) == 6
    assert report.estimates["length_ratio"].n == 6
