"""Storage on this machine that speaks as much S3 as is asked of it: files are put in one piece or in parts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase, BytesIO
from urllib.parse import parse_qs, unquote, urlsplit

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass
class Storage:
    """
    files    by bucket and key
    put      the keys in the order in which they were whole
    refuses  whether everything is forbidden
    """

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    put: list[str] = field(default_factory=list)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    refuses: bool = False

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answered(self, method: str, key: str, query: dict[str, list[str]], body: bytes) -> tuple[int, str]:
        if self.refuses:
            return 403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        if method == "POST" and "uploads" in query:
            self.parts[key] = {}
            return (
                200,
                f"<InitiateMultipartUploadResult {NAMESPACE}><UploadId>1</UploadId></InitiateMultipartUploadResult>",
            )
        if method == "PUT" and "partNumber" in query:
            self.parts[key][int(query["partNumber"][0])] = body
            return 200, ""
        if method == "POST":
            self._whole(key, b"".join(part for _, part in sorted(self.parts.pop(key).items())))
            return 200, f"<CompleteMultipartUploadResult {NAMESPACE}></CompleteMultipartUploadResult>"
        if method == "PUT":
            self._whole(key, body)
            return 200, ""
        return 404, ""

    def _whole(self, key: str, data: bytes) -> None:
        self.files[key] = data
        self.put.append(key)


@contextmanager
def storage_running() -> Iterator[Storage]:
    storage = Storage()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            if self.headers.get("transfer-encoding") == "chunked":
                body = _chunks(self.rfile)
            else:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if "aws-chunked" in self.headers.get("content-encoding", ""):
                body = _chunks(BytesIO(body))
            url = urlsplit(self.path)
            key, query = unquote(url.path).strip("/"), parse_qs(url.query, keep_blank_values=True)
            status, said = storage.answered(self.command, key, query, body)
            self.send_response(status)
            self.send_header("etag", '"1"')
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.encode())

        do_POST = do_GET = do_HEAD = do_PUT

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    storage.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield storage
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _chunks(body: BufferedIOBase) -> bytes:
    """The data of a body in chunks, the length in hexadecimal before each; lines behind the last are passed over."""
    found = b""
    while size := int(body.readline().split(b";")[0].strip() or b"0", 16):
        found += body.read(size)
        body.readline()
    while body.readline().strip():
        pass
    return found
