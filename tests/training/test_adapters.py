"""Adapters start as what they stand on, are trained in float32, and mean the same to peft as to us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM

from tests.training.tiny import model_save
from training.adapters import adapter_merge, adapter_of, adapter_prepare, adapter_save, quantises
from training.bases import base_load
from training.config import LoraSettings
from training.contract import CheckpointManifest, PolicyRef, RunReport, manifest_write
from training.errors import ModelUnusable
from training.fused import adapters_fuse
from training.layout import layout_of_conversations
from training.models import policy_load
from training.tokens import Tokens

CPU = torch.device("cpu")
IDS = torch.randint(6, 200, (3, 24), generator=torch.Generator().manual_seed(0))
Precision = Literal["float32", "bfloat16"]
each_kind = pytest.mark.parametrize("kind", ["lora", "dora", "rslora"])
each_precision = pytest.mark.parametrize("precision", ["float32", "bfloat16"])
# peft 0.21 to transformers 5.23; and peft about an adapter on a tied head
plain_peft_warns = pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing.*:FutureWarning", "ignore:.*tie_word_embeddings.*"
)


def settings(kind: str = "lora", **others: Any) -> LoraSettings:
    return LoraSettings.model_validate({"adapter": kind, "lora_rank": 4, **others})


def prepared(
    base: Path, lora: LoraSettings | None, parent: Path | None = None, precision: Precision = "float32"
) -> nn.Module:
    return adapter_prepare(base_load(str(base), CPU, precision=precision), parent, lora, seed=0, merge=False)[0]


def trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def loss_of(model: Any) -> Tensor:
    """What a token that the base does not write costs."""
    return -model(IDS).logits.float().log_softmax(-1)[..., 77].mean()  # type: ignore[no-any-return]


def trained(model: nn.Module) -> nn.Module:
    optimizer = torch.optim.AdamW(trainable(model), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        loss_of(model).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model


def saved(model: nn.Module, base: Path, folder: Path) -> Path:
    folder.mkdir()
    adapter_save(model, folder)
    report = RunReport(kind="dpo", seconds=0)
    manifest_write(folder, CheckpointManifest(kind="policy", base_model=str(base), request={}, report=report))
    return folder


@torch.no_grad()
def logits(model: Any) -> Tensor:
    return model(IDS).logits.float()  # type: ignore[no-any-return]


# --- starting and moving -----------------------------------------------------


@each_precision
@each_kind
def test_a_fresh_adapter_is_the_identity(base: Path, kind: str, precision: Precision) -> None:
    """peft alone measures DoRA's columns in bfloat16, which moves the logits of this base by 0.08."""
    bare = base_load(str(base), CPU, precision=precision)

    assert torch.equal(logits(prepared(base, settings(kind), precision=precision)), logits(bare))


@each_precision
@each_kind
def test_every_trained_parameter_is_float32_and_moves_at_every_step(
    base: Path, kind: str, precision: Precision
) -> None:
    """At a rate of 1e-6 a bfloat16 parameter would stand still. A waits one step, for B to leave zero."""
    model = prepared(base, settings(kind), precision=precision)
    optimizer = torch.optim.AdamW(trainable(model), lr=1e-6)
    for step in range(3):
        before = [parameter.detach().clone() for parameter in trainable(model)]
        loss_of(model).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        moved = [not torch.equal(old, new) for old, new in zip(before, trainable(model), strict=True)]
        assert step == 0 or all(moved)

    assert {parameter.dtype for parameter in trainable(model)} == {torch.float32}


def test_rank_0_trains_all_weights_in_float32_from_the_parent(base: Path, tmp_path: Path) -> None:
    parent = trained(prepared(base, settings()))
    model = prepared(base, settings(lora_rank=0), saved(parent, base, tmp_path / "parent"))

    assert not hasattr(model, "peft_config")
    assert all(parameter.requires_grad and parameter.dtype == torch.float32 for parameter in model.parameters())
    torch.testing.assert_close(logits(model), logits(parent), rtol=1e-4, atol=1e-4)


# --- one line of checkpoints -------------------------------------------------


@plain_peft_warns
@each_kind
def test_a_grandchild_starts_as_its_parent_and_is_one_adapter_over_the_first_base_to_peft(
    base: Path, tmp_path: Path, kind: str
) -> None:
    from peft import PeftModel

    folder: Path | None = None
    for generation in ("parent", "child", "grandchild"):
        model = prepared(base, settings(kind), folder)
        if folder is not None:
            assert torch.equal(logits(model), logits(prepared(base, None, folder)))
            assert not torch.allclose(logits(model), logits(prepared(base, None)), atol=0.1)
        folder = saved(trained(model), base, tmp_path / generation)

    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), tmp_path / "grandchild").eval()
    torch.testing.assert_close(logits(plain), logits(model), rtol=1e-5, atol=1e-5)


def test_what_the_parent_settled_is_said(base: Path, tmp_path: Path) -> None:
    folder = saved(prepared(base, settings("dora", lora_targets="q_proj, v_proj")), base, tmp_path / "parent")
    wanted = settings(lora_rank=8, lora_targets="q_proj, v_proj")

    _, notes = adapter_prepare(base_load(str(base), CPU), folder, wanted, seed=0, merge=False)

    assert notes == ["The parent's adapter has kind dora and rank 4, and is continued so."]


def test_dropout_belongs_to_each_run(base: Path, tmp_path: Path) -> None:
    folder = saved(prepared(base, settings(lora_dropout=0.5)), base, tmp_path / "parent")
    dropouts = [
        {module.p for module in prepared(base, lora, folder).modules() if isinstance(module, nn.Dropout)}
        for lora in (settings(lora_dropout=0.25), settings(), None)
    ]

    assert dropouts == [{0.25}, set(), set()]


def test_a_saved_adapter_names_its_layers_in_order(base: Path, tmp_path: Path) -> None:
    """peft keeps a set, and the same run would leave other bytes in every process."""
    folder = saved(prepared(base, settings()), base, tmp_path / "adapter")

    targets = json.loads((folder / "adapter_config.json").read_text())["target_modules"]
    assert targets == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


# --- targets -----------------------------------------------------------------


def test_an_adapter_on_the_head_is_trained_and_not_taken_for_frozen(base: Path) -> None:
    ref = PolicyRef(label="p", base_model=str(base))
    policy = policy_load(ref, CPU, lora=settings(lora_targets="q_proj, lm_head"))
    rows = [Tokens(row.tolist(), [False] + [True] * 23) for row in IDS]

    assert not policy.head_is_frozen
    ours = policy.token_logprobs(layout_of_conversations(rows)).mean()
    logprob_BTV = policy.model(IDS).logits.log_softmax(-1)
    full = logprob_BTV[:, :-1].gather(-1, IDS[:, 1:, None]).mean()
    ours_grads, full_grads = (torch.autograd.grad(value, trainable(policy.model)) for value in (ours, full))
    for ours_grad, full_grad in zip(ours_grads, full_grads, strict=True):
        torch.testing.assert_close(ours_grad, full_grad)
    assert sum(bool(grad.any()) for grad in full_grads) == 3  # every B; each A once its B has left zero


@plain_peft_warns
def test_an_adapter_on_a_tied_head_leaves_the_embeddings_alone_when_merged(base: Path, tmp_path: Path) -> None:
    model = trained(prepared(base, settings(lora_targets="lm_head")))
    apart = logits(model)

    adapter_merge(model).save_pretrained(str(tmp_path / "merged"))

    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(logits(plain), apart, rtol=1e-4, atol=1e-4)


def test_targets_that_are_not_there_are_refused_with_those_that_are(base: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"'query, q_proj' does not name linear layers .* has down_proj, gate_proj"):
        prepared(base, settings(lora_targets="query, q_proj"))


def test_dora_is_refused_where_columns_have_no_direction(base: Path) -> None:
    """The padding token's row of the tied head is zero, and zero has no direction: every logit would be no number."""
    with pytest.raises(ModelUnusable, match="lm_head has columns of length zero"):
        prepared(base, settings("dora", lora_targets="lm_head"))


def test_whole_layers_beside_an_adapter_are_refused(base: Path, tmp_path: Path) -> None:
    folder = saved(prepared(base, settings()), base, tmp_path / "adapter")
    config = json.loads((folder / "adapter_config.json").read_text()) | {"modules_to_save": ["lm_head"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "manifest.json").unlink()
    report = RunReport(kind="dpo", seconds=0)
    manifest_write(folder, CheckpointManifest(kind="policy", base_model=str(base), request={}, report=report))

    with pytest.raises(ModelUnusable, match=r"trains whole layers beside its adapter \(lm_head\)"):
        adapter_of(PolicyRef(label="p", base_model=str(base), adapter=str(folder)))


# --- 4 bits ------------------------------------------------------------------


def test_qlora_says_what_it_needs(base: Path) -> None:
    assert quantises(settings("qlora"))
    assert not quantises(settings())
    with pytest.raises(ModelUnusable, match="needs an NVIDIA GPU; choose adapter lora"):
        base_load(str(base), CPU, quantised=True)
    with pytest.raises(ModelUnusable, match="give qlora a LoRA rank above 0"):
        quantises(settings("qlora", lora_rank=0))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_qlora_trains_an_adapter_over_4_bits(base: Path) -> None:
    pytest.importorskip("bitsandbytes")
    quantised = base_load(str(base), torch.device("cuda"), quantised=True)
    model, _ = adapter_prepare(quantised, None, settings("qlora"), seed=0, merge=False)

    before = loss_of(lambda ids: model(ids.cuda()))
    optimizer = torch.optim.AdamW(trainable(model), lr=1e-2)
    before.backward()  # type: ignore[no-untyped-call]
    optimizer.step()

    assert {parameter.dtype for parameter in trainable(model)} == {torch.float32}
    assert loss_of(lambda ids: model(ids.cuda())) < before


# --- the fast forward pass ---------------------------------------------------


class Layer(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.linear = nn.Linear(48, 40, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)  # type: ignore[no-any-return]


def adapted(dtype: torch.dtype = torch.float32, *, fused: bool, **options: Any) -> Any:
    """One linear layer with bias and an adapter whose B is not zero."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=7, target_modules=["linear"], **options)
    model = get_peft_model(Layer(dtype), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.1)
    if fused:
        assert adapters_fuse(model) == 1
    return model


def passed(model: Any, dtype: torch.dtype = torch.float32, *, recompute: bool = False) -> list[Tensor]:
    """The output, and the gradients of the input and of A and B."""
    dice = torch.Generator().manual_seed(1)
    x = torch.randn(2, 9, 48, generator=dice).to(dtype).requires_grad_()
    y = checkpoint(model, x, use_reentrant=False) if recompute else model(x)
    pull = torch.randn(2, 9, 40, generator=dice).to(dtype)
    return [y, *torch.autograd.grad(y, [x, *trainable(model)], pull)]


@pytest.mark.parametrize("use_rslora", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_the_fast_pass_gives_the_numbers_of_peft(dtype: torch.dtype, tolerance: float, use_rslora: bool) -> None:
    ours = passed(adapted(dtype, fused=True, use_rslora=use_rslora), dtype)
    theirs = passed(adapted(dtype, fused=False, use_rslora=use_rslora), dtype)

    for our, their in zip(ours, theirs, strict=True):
        assert our.dtype == their.dtype
        assert (our - their).float().norm() <= tolerance * their.float().norm()


@pytest.mark.parametrize("recompute", [False, True])
def test_two_fast_passes_are_equal_bit_for_bit(recompute: bool) -> None:
    """Also when the second is recomputed in the backward pass, as gradient checkpointing does."""
    model = adapted(fused=True)

    assert all(torch.equal(*two) for two in zip(passed(model), passed(model, recompute=recompute), strict=True))


@pytest.mark.parametrize("options", [{"use_dora": True}, {"lora_dropout": 0.1}, {"lora_bias": True}])
def test_layers_that_are_not_plain_are_left_to_peft(options: dict[str, Any]) -> None:
    assert adapters_fuse(adapted(fused=False, **options)) == 0


def test_an_adapter_that_is_switched_off_or_merged_is_not_counted_twice() -> None:
    model, x = adapted(fused=True), torch.ones(1, 48)
    with_adapter, bare = model(x), model.base_model.model.linear.base_layer(x)

    with model.disable_adapter():
        assert torch.equal(model(x), bare)
    model.merge_adapter()
    torch.testing.assert_close(model(x), with_adapter)
    model.unmerge_adapter()
    torch.testing.assert_close(model(x), with_adapter)


def test_every_adapted_layer_of_a_model_takes_the_fast_pass(base: Path) -> None:
    assert sum("forward" in vars(module) for module in prepared(base, settings()).modules()) == 14


def test_a_family_with_transposed_weights_is_trained_by_peft(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = model_save(tmp_path / "gpt2")
    config = GPT2Config(vocab_size=262, n_embd=32, n_layer=1, n_head=4, n_positions=64, eos_token_id=5, bos_token_id=1)
    GPT2LMHeadModel(config).save_pretrained(folder)
    model = prepared(folder, settings())
    before = loss_of(model)

    assert loss_of(trained(model)) < before
