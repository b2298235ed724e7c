"""Hears webhooks as an integrator's server does: verifies each call, and writes down what came.

python tests/e2e/webhook_sink.py --port 9009 --secret-file secret --out hooks.jsonl
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError


class Hook(BaseHTTPRequestHandler):
    secret_file: Path
    out: Path

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name.lower(): value for name, value in self.headers.items()}
        try:
            Webhook(self.secret_file.read_text().strip()).verify(body, given)
            verified = True
        except WebhookVerificationError:
            verified = False
        heard = {
            "path": self.path,
            "type": json.loads(body)["type"],
            "verified": verified,
            "id": self.headers["webhook-id"],
        }
        with self.out.open("a") as file:
            file.write(json.dumps(heard) + "\n")
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the file tells."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret-file", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    Hook.secret_file, Hook.out = options.secret_file, options.out
    ThreadingHTTPServer(("127.0.0.1", options.port), Hook).serve_forever()


if __name__ == "__main__":
    main()
