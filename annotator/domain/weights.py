"""The two shapes in which a policy's weights leave."""

from __future__ import annotations

from enum import StrEnum


class Weights(StrEnum):
    TRAINED = "trained"  # as training left them: an adapter, or whole where all weights were trained
    MERGED = "merged"  # the adapter folded into its base
