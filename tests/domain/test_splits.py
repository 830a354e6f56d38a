from __future__ import annotations

import hashlib

from annotator.domain.splits import content_sha256, split_of


def test_about_a_fifth_of_all_prompts_is_held_out() -> None:
    shas = [content_sha256([{"role": "user", "content": f"Question {n}"}]) for n in range(5000)]

    assert 0.18 < sum(split_of(sha) == "holdout" for sha in shas) / 5000 < 0.22


def test_white_space_around_a_turn_and_unicode_form_do_not_make_another_prompt() -> None:
    composed = content_sha256([{"role": "user", "content": "Caf\u00e9?"}])

    assert content_sha256([{"role": "user", "content": " Cafe\u0301?\n"}]) == composed


def test_the_same_words_in_another_role_are_another_prompt() -> None:
    assert content_sha256([{"role": "user", "content": "Hi"}]) != content_sha256([{"role": "system", "content": "Hi"}])


def test_the_hash_of_a_prompt_never_changes() -> None:
    """It is stored, so another one would make every prompt new. What it is of: JSON as Python writes it."""
    turns = [{"role": "system", "content": 'Be “kind”\\ "x"\n'}, {"role": "user", "content": " Cafe\u0301?\t"}]
    written = r'[["system", "Be “kind”\\ \"x\""], ["user", "Café?"]]'

    assert content_sha256(turns) == hashlib.sha256(written.encode()).hexdigest()
    assert content_sha256(turns).startswith("1bd4f5cbb24e7a1d787e62b8f6dc6a92")
