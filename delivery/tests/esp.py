"""A real HTTP server that answers as the API of an ESP, in a thread of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Answer = tuple[int, Any] | None  # a status and a body, or the line is cut


def accept(body: dict[str, Any]) -> Answer:
    """What Postmark says of a message that it takes."""
    told = {"To": body["To"], "MessageID": f"pm-{body['Metadata']['emailseq_id']}"}
    return 200, {"ErrorCode": 0, "Message": "OK", "SubmittedAt": "2026-03-02T12:00:00Z", **told}


class Esp:
    """`taken` are the messages that it said yes to, `heard` all that it got; `act` decides on each.

    What came together, in one of the `requests`, is answered together; what `act` answers with a
    status that is none of a message (200, 422), or cuts the line at, is the answer to all of it.
    """

    def __init__(self, act: Callable[[dict[str, Any]], Answer] = accept) -> None:
        self.act = act
        self.requests = 0
        self.heard: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        esp = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                esp.keys.add(self.headers["X-Postmark-Server-Token"])
                right = self.headers["X-Postmark-Server-Token"] == "open-sesame"
                self._say(*((200, {}) if right else (401, {"Message": "Wrong token."})))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                esp.keys.add(self.headers["X-Postmark-Server-Token"])
                esp.requests += 1
                together = body if isinstance(body, list) else [body]
                answers = [esp._of(each) for each in together]
                odd = [each for each in answers if each is None or each[0] not in (200, 422)]
                answer = odd[0] if odd else answers[0]
                if answer is None:
                    self.close_connection = True
                elif odd or body is together[0]:
                    self._say(*answer)
                else:
                    self._say(200, [told for _, told in cast("list[Any]", answers)])

            def _say(self, status: int, body: Any) -> None:
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def _of(self, body: dict[str, Any]) -> Answer:
        self.heard.append(body)
        answer = self.act(body)
        if answer and answer[0] == 200:
            self.taken.append(body)
        return answer

    def __enter__(self) -> Esp:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
