"""A model hub on this machine, as far as it is asked: repositories, commits of small and large files, data sets."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_only-for-tests"
COMMIT = "c0ffee" + "0" * 34


@dataclass
class Repo:
    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Hub:
    """
    models, datasets  by their name
    large             files of this many bytes and more go another way, as on real hubs
    refuses           status and message of every commit, when set
    asked             every request, in their order
    tokens            what the requests showed
    """

    port: int = 0
    models: dict[str, Repo] = field(default_factory=dict)
    datasets: dict[str, Repo] = field(default_factory=dict)
    large: int = 1000
    refuses: tuple[int, str] | None = None
    asked: list[str] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answered(self, method: str, path: str, token: str, body: bytes) -> tuple[int, Any]:
        """Status, and what is said: bytes as they are, anything else as JSON."""
        self.asked.append(f"{method} {path}")
        self.tokens.add(token)
        match path.strip("/").split("/"):
            case ["api", "repos", "create"]:
                return self._create(json.loads(body))
            case ["api", "validate-yaml"]:
                return 200, {"errors": [], "warnings": []}
            case ["api", "models", owner, name] if method == "GET":
                return self._about(self.models, f"{owner}/{name}")
            case ["api", "models" | "datasets", _, _, "preupload", _]:
                return 200, {"files": [self._way(one) for one in json.loads(body)["files"]]}
            case ["api", "models", owner, name, "commit", _]:
                return self._commit(self.models, f"{owner}/{name}", body)
            case ["api", "datasets", owner, name, "commit", _]:
                return self._commit(self.datasets, f"{owner}/{name}", body)
            case [*_, name, "info", "lfs", "objects", "batch"] if name.endswith(".git"):
                return 200, {"objects": [self._place(one) for one in json.loads(body)["objects"]]}
            case ["large", oid]:
                self.kept[oid] = body
                return 200, {}
            case ["api", "datasets", owner, name, *_]:
                return self._about(self.datasets, f"{owner}/{name}")
            case ["datasets", owner, name, "resolve", _, *file]:
                found = self.datasets.get(f"{owner}/{name}", Repo()).files.get("/".join(file))
                return (404, {"error": "Entry not found"}) if found is None else (200, found)
        return 404, {"error": "Not found"}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        name = f"{asked['organization']}/{asked['name']}"
        repos = self.datasets if asked.get("type") == "dataset" else self.models
        if name in repos:
            return 409, {"error": "You already created this model repo", "url": f"{self.url}/{name}"}
        repos[name] = Repo(private=asked.get("visibility") == "private")
        return 200, {"url": f"{self.url}/{name}"}

    def _about(self, repos: dict[str, Repo], name: str) -> tuple[int, Any]:
        if name not in repos:
            return 404, {"error": "Repository not found"}
        siblings = [{"rfilename": path, "size": len(data)} for path, data in sorted(repos[name].files.items())]
        return 200, {"id": name, "sha": COMMIT, "private": repos[name].private, "siblings": siblings, "tags": []}

    def _way(self, file: dict[str, Any]) -> dict[str, Any]:
        mode = "lfs" if file["size"] >= self.large else "regular"
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _place(self, file: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.url}/large/{file['oid']}"
        return {**file, "actions": {"upload": {"href": href, "header": {}}}}

    def _commit(self, repos: dict[str, Repo], name: str, body: bytes) -> tuple[int, Any]:
        if self.refuses:
            return self.refuses[0], {"error": self.refuses[1]}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                repos[name].files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repos[name].files[value["path"]] = self.kept[value["oid"]]
        return 200, {"success": True, "commitOid": COMMIT, "commitUrl": f"{self.url}/{name}/commit/{COMMIT}"}


@contextmanager
def hub_running() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            token = self.headers.get("authorization", "").removeprefix("Bearer ")
            status, said = hub.answered(self.command, unquote(urlsplit(self.path).path), token, body)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            if isinstance(said, dict) and "error" in said:
                self.send_header("x-error-message", said["error"])
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PUT = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
