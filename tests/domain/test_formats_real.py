"""Every real file that fits a format is told and read, with the counts that its README states."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from annotator.domain.formats.records import AnsweredPrompt, BadLine, JudgedComparison
from annotator.services.import_files import source_open
from tests.real_data import real


@dataclass(frozen=True)
class Found:
    """comparisons, votes and ties; answered prompts and their answers; bad rows."""

    format: str
    comparisons: int = 0
    votes: int = 0
    ties: int = 0
    prompts: int = 0
    answers: int = 0
    bad: int = 0


PAIRS = "01_preference_pairs"
EVERY = {
    f"{PAIRS}/hh_helpful_base_test.dev.jsonl.gz": Found("hh", 1715, 1715),
    f"{PAIRS}/webgpt_comparisons.dev.jsonl.gz": Found("scores", 656, 656, 170),
    f"{PAIRS}/fgrlhf_qa_feedback.dev.jsonl.gz": Found("pairs", 2250, 2250, 303),
    f"{PAIRS}/autoj_pairwise.dev.jsonl.gz": Found("pairs", 1021, 1021, 263),
    f"{PAIRS}/llmbar.dev.jsonl.gz": Found("pairs", 666, 666),
    f"{PAIRS}/dpo_en_demo.dev.jsonl.gz": Found("sharegpt", 194, 194),
    "02a_alpaca_eval/model_outputs.dev.jsonl.gz": Found("instructions", prompts=6436, answers=6436),
    "02a_alpaca_eval/baseline_outputs.jsonl.gz": Found("instructions", prompts=1610, answers=1610),
    "02a_alpaca_eval": Found("alpaca_eval_folder", 12057, 12057, 91, bad=819),
    "02c_pandalm/testset-v1.dev.jsonl.gz": Found("pandalm", 665, 1995, 198),
    "02d_dolly_flan_t5_outputs/outputs.dev.jsonl.gz": Found("instructions", prompts=1500, answers=7500),
    "02f_mtbench_human_votes": Found("mt_bench_folder", 2479, 2479, 605),
    "03a_ukpconvarg_pairwise_votes": Found("ukpconvarg_folder", 4721, 23550, 4330),
    "05_safety/xstest_prompts.dev.csv": Found("trl", prompts=306),
    "05_safety/xstest_completions.dev.jsonl.gz": Found("trl", prompts=1530, answers=1530),
    "06_sft/dolly_instruction_response.dev.jsonl.gz": Found("instructions", prompts=4616, answers=4616),
    "06_sft/gpteacher_roleplay.dev.jsonl.gz": Found("instructions", prompts=1420, answers=1420),
    "06_sft/gpteacher_codegen.dev.jsonl.gz": Found("instructions", prompts=3315, answers=3315),
    "06_sft/self_instruct_seed_tasks.dev.jsonl.gz": Found("instructions", prompts=128, answers=128),
    "07_prompts/mt_bench_questions.dev.jsonl.gz": Found("questions", prompts=67),
    "07_prompts/arena_hard_v01_questions.dev.jsonl.gz": Found("questions", prompts=358),
    "07_prompts/oasst_en_100_trees.dev.jsonl.gz": Found("oasst", 568, 568, prompts=201, answers=32),
}


@pytest.mark.parametrize("name", EVERY)
def test_a_real_file_is_read_with_the_counts_of_its_readme(name: str) -> None:
    source = source_open(real(name))
    kinds: Counter[str] = Counter()
    for record in source.records:
        if isinstance(record, JudgedComparison):
            kinds["comparisons"] += 1
            kinds["votes"] += len(record.votes)
            kinds["ties"] += sum(vote.value == 0 for vote in record.votes)
        elif isinstance(record, AnsweredPrompt):
            kinds["prompts"] += 1
            kinds["answers"] += len(record.responses)
        else:
            assert isinstance(record, BadLine)
            kinds["bad"] += 1

    assert Found(source.format, **kinds) == EVERY[name]
