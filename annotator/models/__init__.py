"""The nouns: what one row means, and what can never be stored."""

from annotator.models.adjudications import Adjudication
from annotator.models.comparisons import Assignment, Comparison
from annotator.models.datasets import Dataset
from annotator.models.figures import Figure
from annotator.models.flags import Flag
from annotator.models.gold import Gold, Sitting, SittingAnswer
from annotator.models.imports import Import
from annotator.models.judgments import Judgment
from annotator.models.projects import (
    Acknowledgement,
    Content,
    Guideline,
    Invitation,
    Member,
    Project,
    Role,
    User,
)
from annotator.models.prompts import Prompt, Response, Split
from annotator.models.protocols import Protocol
from annotator.models.renderings import Rendering
from annotator.models.rewards import Reward
from annotator.models.rounds import Round
from annotator.models.runs import Checkpoint, CheckpointKind, Run, RunEvent
from annotator.models.sendings import Depot, Sending
from annotator.models.snapshots import Snapshot
from annotator.models.tallies import RaterHour, RoundTally, Stretch
from annotator.models.tokens import Receipt, Token
from annotator.models.webhooks import Delivery, DeliveryState, Webhook, WebhookEvent

__all__ = [
    "Acknowledgement",
    "Adjudication",
    "Assignment",
    "Checkpoint",
    "CheckpointKind",
    "Comparison",
    "Content",
    "Dataset",
    "Delivery",
    "DeliveryState",
    "Depot",
    "Figure",
    "Flag",
    "Gold",
    "Guideline",
    "Import",
    "Invitation",
    "Judgment",
    "Member",
    "Project",
    "Prompt",
    "Protocol",
    "RaterHour",
    "Receipt",
    "Rendering",
    "Response",
    "Reward",
    "Role",
    "Round",
    "RoundTally",
    "Run",
    "RunEvent",
    "Sending",
    "Sitting",
    "SittingAnswer",
    "Snapshot",
    "Split",
    "Stretch",
    "Token",
    "User",
    "Webhook",
    "WebhookEvent",
]
