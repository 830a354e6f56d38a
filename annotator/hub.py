"""The doorway to the data sets of a model hub: which files there are, and what is in them, piece by piece.

The operator says which hub it is (TIEBREAK_HUB), and owners only what on it. Where the hub keeps files elsewhere it
redirects there, and the token stays with the hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from annotator.domain.hubs import DatasetName
from annotator.exceptions import NotDelivered, NotFound

CHUNK = 1024 * 1024
SILENT_SECONDS = 60.0


@dataclass(frozen=True)
class HubFile:
    """path in the repository; bytes"""

    path: str
    size: int


@dataclass(frozen=True)
class Hub:
    """A hub, as this server's account sees it. What it cannot give is NotFound, or NotDelivered, in a sentence."""

    url: str
    token: str = ""

    def files(self, name: DatasetName) -> tuple[str, list[HubFile]]:
        """The commit that `revision` is now, and all files in it."""
        from huggingface_hub import HfApi  # loads much, and only the worker that fetches needs it

        with self._asked(name):
            api = HfApi(endpoint=self.url, token=self.token or False)
            found = api.dataset_info(name.repo, revision=name.revision, files_metadata=True, timeout=SILENT_SECONDS)
            return str(found.sha), [HubFile(one.rfilename, one.size or 0) for one in found.siblings or ()]

    def chunks(self, name: DatasetName, commit: str, path: str) -> Iterator[bytes]:
        """The content of one file."""
        from huggingface_hub import get_session, hf_hub_url
        from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

        url = hf_hub_url(name.repo, path, repo_type="dataset", revision=commit, endpoint=self.url)
        headers = {"accept-encoding": "identity"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        with (
            self._asked(name),
            get_session().stream("GET", url, headers=headers, timeout=SILENT_SECONDS, follow_redirects=True) as said,
        ):
            hf_raise_for_status(said)
            yield from said.iter_bytes(CHUNK)

    @contextmanager
    def _asked(self, name: DatasetName) -> Iterator[None]:
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        try:
            yield
        except OfflineModeIsEnabled:
            raise NotDelivered(f"HF_HUB_OFFLINE is set, so {self.url} is not asked; see the operator.") from None
        except HfHubHTTPError as error:
            if error.response.status_code in (401, 403, 404):
                raise NotFound(
                    f"{self.url} shows no data set {name.repo} at {name.revision} to this server: "
                    "look at its name, or ask the operator for a token that may see it."
                ) from None
            said = (error.server_message or f"status {error.response.status_code}").replace(self.token or "\0", "…")
            raise NotDelivered(f"{self.url} did not give {name.repo}: {said[:300]}") from None
        except httpx2.HTTPError as error:
            raise NotDelivered(f"{self.url} cannot be reached: {str(error) or type(error).__name__}.") from None
