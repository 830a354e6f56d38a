"""The one doorway to places where datasets are kept outside: a folder goes out whole, an address comes back.

A hub takes the folder as one commit. Storage that speaks S3 gets its files one by one, the manifest last: a folder
without it is not whole. Tokens and keys come from the environment and go into no message.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.fs

from annotator.exceptions import NotSent

MANIFEST = "manifest.json"
PART = 8 * 1024 * 1024


def send_to_hub(folder: Path, repo: str, *, hub: str, token: str, private: bool) -> str:
    """Send the folder as one commit to a data set repository; return its address. Raises NotSent."""
    # Only the worker that sends needs it, and it takes long to load.
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    from huggingface_hub.utils.tqdm import disable_progress_bars

    api = HfApi(endpoint=hub, token=token)
    disable_progress_bars()
    files = [CommitOperationAdd(path.name, str(path)) for path in sorted(folder.iterdir())]
    try:
        api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        if private and not api.dataset_info(repo).private:
            raise NotSent(f"{repo} exists and is public; make it private there, or send it as public.")
        commit = api.create_commit(repo, files, repo_type="dataset", commit_message="Dataset made with Tiebreak")
    except OfflineModeIsEnabled:
        raise NotSent("HF_HUB_OFFLINE is set, so nothing is sent to a hub; ask the operator.") from None
    except (HfHubHTTPError, HFValidationError, httpx2.HTTPError, RuntimeError, ValueError, OSError) as error:
        said = str(getattr(error, "server_message", None) or error).replace(token, "…")
        raise NotSent(f"{hub} did not take {repo}: {said[:500]}") from None
    return str(commit.commit_url)


def send_to_storage(folder: Path, place: str, *, storage: str, endpoint: str) -> str:
    """Copy the files of the folder below `storage` (s3://bucket/prefix); return their address. Raises NotSent."""
    bucket = storage.removeprefix("s3://").strip("/")
    scheme, _, host = endpoint.rpartition("://")
    try:
        s3 = pyarrow.fs.S3FileSystem(endpoint_override=host or None, scheme=scheme or "https")
        for path in sorted(folder.iterdir(), key=lambda path: path.name == MANIFEST):
            with path.open("rb") as source, s3.open_output_stream(f"{bucket}/{place}/{path.name}") as target:
                while part := source.read(PART):
                    target.write(part)
    except OSError as error:
        raise NotSent(f"{storage} did not take {place}: {str(error)[:500]}") from None
    return f"s3://{bucket}/{place}"
