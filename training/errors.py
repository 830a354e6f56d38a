"""What can go wrong in the engine, as a small tree.

Every error is a sentence for the person who launched the run. The command
line turns them into one `failed` event; nothing else catches them.
"""

from __future__ import annotations


class EngineError(Exception):
    """The engine could not do what the request asked for."""


class RequestInvalid(EngineError):
    """The request file is not valid; the message names the field."""


class SnapshotInvalid(EngineError):
    """The snapshot folder is damaged or a row breaks the contract; the message names file, line and field."""


class CheckpointIncomplete(EngineError):
    """The checkpoint folder has no manifest, or a file does not match it."""


class ModelUnusable(EngineError):
    """The base model cannot be loaded safely; the message says why and what to do."""


class HubRefused(EngineError):
    """The hub cannot be reached or did not take what was sent; the message says which and why."""


class NothingToLearn(EngineError):
    """No comparison is left to train on after the splits and the filters."""


class PromptTooLong(EngineError):
    """A prompt leaves the model no place for an answer; the message names it and says what to do."""


class DidNotConverge(EngineError):
    """The loss stopped being a number; the message says at which step."""


class OutOfMemory(EngineError):
    """Not even one row fits; the message says how long it is and what to do."""
