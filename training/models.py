"""Language models: load a base and its adapter safely, run the backbone, run the head.

B comparisons, T positions, M = rows x T places, N gathered places, D width, V vocabulary.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from training import data, losses
from training.config import LoraSettings
from training.contract import MANIFEST, PolicyRef, PreferenceRecord, checkpoint_verify, file_sha256
from training.data import Layout, PairTokens
from training.errors import CheckpointIncomplete, ModelUnusable

STARTER = Path(__file__).parent / "starter" / "model"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
REWARD_HEAD = "reward_head.safetensors"

# Below this size the casts of a bf16 pass on CPU cost more than its arithmetic saves.
BF16_ON_CPU_FROM = 100_000_000

# For base models that come without a chat template. Roles are words, turns end
# with the end-of-text token; it is saved with every checkpoint that uses it.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}"
    "{% for message in messages %}{{ message['role'] | capitalize }}:\n{{ message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' else '' }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)
PROBE = "Hello, where is order #4711? Ünïcode,  two spaces\nand a second line."


@dataclass
class Policy:
    """A causal language model ready to score, to train or to write.

    model      what is saved: a PeftModel over the base, or the base itself
    causal_lm  the Hugging Face model inside, adapter layers included
    end_ids    every token that ends a turn; end_id is the one that we write
    notes      what people should know about how it was loaded
    """

    model: nn.Module
    causal_lm: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    ref: PolicyRef
    device: torch.device
    end_ids: frozenset[int]
    end_id: int
    has_adapter: bool
    parent_sha256: str | None
    notes: list[str]

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that training moves, by name."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    @property
    def head_is_frozen(self) -> bool:
        return not any(p.requires_grad for p in self._head_module.parameters())

    @property
    def vocabulary(self) -> int:
        return int(self._head_module.weight.shape[0])

    @property
    def _head_module(self) -> nn.Linear:
        module: nn.Linear = self.causal_lm.get_output_embeddings()  # type: ignore[no-untyped-call]
        return module

    @property
    def head_chunk(self) -> int:
        """Rows of the head computed at once: 16 MiB of float32 logits on CPU, 1 GiB on CUDA."""
        room = 2**28 if self.device.type == "cuda" else 2**22
        return max(64, room // self.vocabulary)

    def hidden(self, layout: Layout) -> Tensor:
        """Last hidden states of every place, shape (M, D)."""
        inputs: dict[str, Any] = {"input_ids": layout.ids_BT, "use_cache": False}
        if layout.mask_BTT is not None:
            blocked = torch.finfo(self.causal_lm.dtype).min
            mask_BTT = torch.zeros(layout.mask_BTT.shape, dtype=self.causal_lm.dtype, device=self.device)
            inputs["attention_mask"] = mask_BTT.masked_fill_(~layout.mask_BTT, blocked)[:, None]
            inputs["position_ids"] = layout.position_BT
        with self.autocast():
            hidden_BTD: Tensor = self.causal_lm.base_model(**inputs).last_hidden_state
        return hidden_BTD.flatten(0, 1)

    def head(self, hidden_ND: Tensor) -> Tensor:
        """Logits of the next token, shape (N, V), as the whole model would give them."""
        with self.autocast():
            logits_NV: Tensor = self._head_module(hidden_ND)
        return _logits_shaped(logits_NV, self.causal_lm.config.get_text_config())

    def logprobs(self, layout: Layout, sequences: int) -> Tensor:
        """Summed log-probability of the counted tokens of each sequence, shape (S,), in nats."""
        layout = layout.to(self.device)
        logprob_N = losses.token_logprobs(
            self.hidden(layout)[layout.source_N],
            layout.target_N,
            self.head,
            head_is_frozen=self.head_is_frozen,
            chunk=self.head_chunk,
        )
        return losses.sequence_sums(logprob_N, layout.sequence_N, sequences)

    def preferences(self, records: Sequence[PreferenceRecord], max_length: int) -> data.Preferences:
        """The comparisons in this model's tokens."""
        return data.preferences_encoded(
            self.tokenizer,
            records,
            end_ids=self.end_ids,
            end_id=self.end_id,
            max_length=max_length,
            vocabulary=self.vocabulary,
        )

    def autocast(self) -> torch.autocast:
        """bfloat16 arithmetic over float32 weights: only when all weights are trained on CUDA."""
        mixed = self.device.type == "cuda" and self.causal_lm.dtype == torch.float32 and torch.cuda.is_bf16_supported()
        return torch.autocast(self.device.type, torch.bfloat16, enabled=mixed)


@dataclass
class RewardModel:
    """A scalar head on a policy's backbone.

    weight_D  reward = weight . hidden state of an answer's last token, in float32
    """

    policy: Policy
    weight_D: nn.Parameter

    @classmethod
    def fresh(cls, policy: Policy, seed: int) -> RewardModel:
        """A small random head, so that the first gradient already reaches the backbone."""
        width = policy.causal_lm.config.get_text_config().hidden_size
        dice = torch.Generator().manual_seed(seed)
        weight_D = torch.randn(width, generator=dice) / (width + 1) ** 0.5
        return cls(policy, nn.Parameter(weight_D.to(policy.device)))

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        return {**self.policy.trained, "reward_head.weight": self.weight_D}

    def rewards(self, layout: Layout) -> Tensor:
        """Reward of each sequence, shape (S,)."""
        layout = layout.to(self.policy.device)
        hidden_SD = self.policy.hidden(layout)[layout.last_S]
        return hidden_SD.float() @ self.weight_D

    def head_tensors(self) -> dict[str, Tensor]:
        return {"weight": self.weight_D.detach().cpu()}


def reward_load(folder: Path, device: torch.device) -> RewardModel:
    """A trained reward model, frozen. Raises CheckpointIncomplete when it is damaged or its head is missing."""
    from safetensors.torch import load_file

    manifest = checkpoint_verify(folder)
    if manifest.kind != "reward" or not (folder / REWARD_HEAD).is_file():
        raise CheckpointIncomplete(f"{folder} has no {REWARD_HEAD}; a reward model without its head would score noise.")
    is_adapter = manifest.weights == "adapter"
    ref = PolicyRef(
        label="reward",
        base_model=manifest.base_model if is_adapter else str(folder),
        adapter=str(folder) if is_adapter else None,
    )
    weight_D = load_file(str(folder / REWARD_HEAD), device=str(device))["weight"]
    return RewardModel(policy_load(ref, device, merge=True), nn.Parameter(weight_D, requires_grad=False))


def pairs_share_prompt(policy: Policy, pairs: Sequence[PairTokens]) -> bool:
    """Whether this model gives one row with a shared prompt the same log-probabilities as two rows.

    Proven on two comparisons rather than looked up by name: windows, state-space
    layers and position biases all break it, and new families appear monthly.
    """
    probe = sorted(pairs, key=lambda pair: pair.length)[-2:]
    with torch.no_grad():
        shared_S, apart_S = (
            policy.logprobs(data.layout_of_pairs(probe, shared_prompt=shared), 2 * len(probe))
            for shared in (True, False)
        )
    tolerance = 1e-4 if policy.causal_lm.dtype == torch.float32 and policy.device.type == "cpu" else 2e-2
    return bool(torch.allclose(shared_S, apart_S, rtol=tolerance, atol=tolerance))


def _logits_shaped(logits_NV: Tensor, config: Any) -> Tensor:
    """What a few families do to logits after the head; `_head_check` proves it per model."""
    if scale := getattr(config, "logit_scale", None):  # Cohere
        logits_NV = logits_NV * scale
    if scaling := getattr(config, "logits_scaling", None):  # Granite
        logits_NV = logits_NV / scaling
    if cap := getattr(config, "final_logit_softcapping", None):  # Gemma 2 and 3
        logits_NV = torch.tanh(logits_NV / cap) * cap
    return logits_NV


# --- loading -----------------------------------------------------------------


def device_pick(wanted: str) -> torch.device:
    """CUDA when it is there and not refused. Raises ModelUnusable when CUDA is demanded and absent."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ModelUnusable("CUDA was asked for, but this machine has no usable GPU; choose device auto or cpu.")
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wanted)


def base_resolve(base_model: str) -> str:
    """The folder or hub name behind a base model's name. Raises ModelUnusable when it holds no safetensors."""
    if base_model == "starter":
        if not (STARTER / "config.json").is_file():
            raise ModelUnusable(f"The starter policy is not built: {STARTER} has no config.json.")
        return str(STARTER)
    folder = Path(base_model)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelUnusable(f"{folder} has no config.json; it is not a Hugging Face model folder.")
        if not any(folder.glob("*.safetensors")):
            raise ModelUnusable(
                f"{folder} holds no safetensors weights. Pickled weights can run code and are refused; "
                "load them where you trust them and save_pretrained() them again."
            )
        return str(folder)
    if folder.is_absolute() or base_model.startswith("."):
        raise ModelUnusable(f"There is no folder {base_model}.")
    return base_model


def policy_load(
    ref: PolicyRef, device: torch.device, *, lora: LoraSettings | None = None, seed: int = 0, merge: bool = False
) -> Policy:
    """The policy behind `ref`.

    lora   None: frozen, to score or to write. Otherwise trainable: an adapter of the parent is continued
           (a copy; its folder is never touched), else a fresh one that starts as the identity is added;
           rank 0 trains all weights, with the parent's adapter merged in first.
    merge  fold the adapter into the weights, which makes writing faster; only where they are float32, since
           bfloat16 weights would round most of the adapter away; never for training.
    """
    folder = base_resolve(ref.base_model)
    tokenizer, notes = _tokenizer_load(folder)
    manifest_sha, adapter = _adapter_of(ref)
    trains_all = lora is not None and lora.lora_rank == 0
    base = _base_load(folder, device, float32=trains_all)
    model: nn.Module = base
    if adapter is not None:
        model = _adapter_attach(base, adapter, is_trainable=lora is not None and not trains_all)
        if trains_all or (merge and base.dtype == torch.float32):
            model = model.merge_and_unload()  # type: ignore[operator]
        elif lora is not None and _rank_of(adapter) != lora.lora_rank:
            notes.append(f"The parent's adapter has rank {_rank_of(adapter)} and is continued at that rank.")
    elif lora is not None and not trains_all:
        model = _adapter_add(base, lora, seed)
    model.requires_grad_(trains_all) if trains_all or lora is None else None
    causal_lm = base if not hasattr(model, "get_base_model") else model.get_base_model()  # type: ignore[operator]
    end_ids, end_id = _ends_of(tokenizer, causal_lm)
    policy = Policy(
        model=model.eval(),
        causal_lm=causal_lm,
        tokenizer=tokenizer,
        ref=ref,
        device=device,
        end_ids=end_ids,
        end_id=end_id,
        has_adapter=hasattr(model, "peft_config"),
        parent_sha256=manifest_sha,
        notes=notes,
    )
    _head_check(policy)
    return policy


def dropout_enable(policy: Policy) -> None:
    """Switch on the adapter's own dropout; the base stays in evaluation mode, so that policy and reference agree."""
    for name, module in policy.model.named_modules():
        if "lora_dropout" in name:
            module.train()


def _base_load(folder: str, device: torch.device, *, float32: bool) -> PreTrainedModel:
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype="auto", use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{folder} cannot be loaded as a causal language model: {error}") from error
    dtype = torch.float32 if float32 else _dtype_for(device, sum(p.numel() for p in model.parameters()))
    moved: PreTrainedModel = nn.Module.to(model, device=device, dtype=dtype)
    return moved


def _dtype_for(device: torch.device, parameters: int) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.bfloat16 if native and parameters >= BF16_ON_CPU_FROM else torch.float32


def _tokenizer_load(folder: str) -> tuple[PreTrainedTokenizerBase, list[str]]:
    notes = []
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{folder} has no usable tokenizer: {error}") from error
    tokenizer = _tokenizer_checked(folder, tokenizer)
    if tokenizer.eos_token_id is None:
        raise ModelUnusable(f"The tokenizer of {folder} names no eos_token, so no answer could ever end.")
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN_TEMPLATE
        notes.append(f"{folder} has no chat template; turns are written as 'User:' and 'Assistant:' lines.")
    return tokenizer, notes


def _tokenizer_checked(folder: str, tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer that agrees with `tokenizer.json`.

    AutoTokenizer picks a class by model type, which can replace the pre-tokenizer
    that the file describes and turn every text into other ids.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    file = Path(folder) / "tokenizer.json"
    if not file.is_file():
        return tokenizer
    written = Tokenizer.from_file(str(file)).encode(PROBE, add_special_tokens=False).ids
    if tokenizer(PROBE, add_special_tokens=False)["input_ids"] == written:
        return tokenizer
    plain: PreTrainedTokenizerBase = PreTrainedTokenizerFast.from_pretrained(folder)
    if plain(PROBE, add_special_tokens=False)["input_ids"] != written:
        raise ModelUnusable(f"The tokenizer of {folder} does not encode text as its tokenizer.json says.")
    return plain


def _ends_of(tokenizer: PreTrainedTokenizerBase, causal_lm: PreTrainedModel) -> tuple[frozenset[int], int]:
    """Every token that ends a turn, and the one the chat template writes."""
    generation = getattr(causal_lm, "generation_config", None)
    listed = getattr(generation, "eos_token_id", None)
    ends = {int(tokenizer.eos_token_id)}
    ends |= set(listed) if isinstance(listed, list) else {listed} if isinstance(listed, int) else set()
    return frozenset(ends), int(tokenizer.eos_token_id)


def _adapter_of(ref: PolicyRef) -> tuple[str | None, Path | None]:
    """Digest and folder of the adapter. Raises CheckpointIncomplete or ModelUnusable."""
    if ref.adapter is None:
        return None, None
    folder = Path(ref.adapter)
    checkpoint_verify(folder)
    if not (folder / ADAPTER_CONFIG).is_file() or not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelUnusable(f"{folder} holds no {ADAPTER_WEIGHTS}; only adapters in safetensors are loaded.")
    return file_sha256(folder / MANIFEST), folder


def _rank_of(adapter: Path) -> int:
    return int(json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))["r"])


@contextmanager
def _renamed_in_peft() -> Iterator[None]:
    """peft 0.21 still asks transformers for a name that it is leaving behind; that is between the two of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        yield


def _adapter_attach(base: PreTrainedModel, adapter: Path, *, is_trainable: bool) -> nn.Module:
    from peft import PeftModel

    with _renamed_in_peft():
        model: nn.Module = PeftModel.from_pretrained(base, str(adapter), is_trainable=is_trainable)
    return model


def _adapter_add(base: PreTrainedModel, lora: LoraSettings, seed: int) -> nn.Module:
    """A fresh adapter on every linear layer except the head; B is zero, so it starts as the identity."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.lora_rank,
        lora_alpha=lora.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=lora.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    with _renamed_in_peft():
        model: nn.Module = get_peft_model(base, config)
    return model


def _head_check(policy: Policy) -> None:
    """Prove on a few tokens that backbone + head give the model's own logits.

    A family that does something else in between would train on wrong
    probabilities without any error.
    """
    ids_1T = torch.tensor([policy.tokenizer(PROBE, add_special_tokens=False)["input_ids"][:8]], device=policy.device)
    with torch.no_grad():
        whole_TV = policy.causal_lm(input_ids=ids_1T).logits[0].float()
        hidden_TD = policy.causal_lm.base_model(input_ids=ids_1T).last_hidden_state[0]
        ours_TV = policy.head(hidden_TD).float()
    if not torch.allclose(whole_TV, ours_TV, rtol=2e-2, atol=2e-2):
        raise ModelUnusable(
            f"{policy.ref.base_model} changes its logits after the head in a way this engine does not know."
        )
