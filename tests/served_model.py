"""A service on loopback that speaks the OpenAI protocol over real HTTP, well or badly, as a test tells it."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What goes over the wire."""

    body: bytes
    status: int = 200
    kind: str = JSON
    after_s: float = 0.0
    cut: bool = False
    """Close the connection in the middle of the body; with an empty body, before any of it."""
    trickle: bool = False
    """Send a blank now and then, without an end."""


def say(content: str | None, *, finish: str | None = "stop", after_s: float = 0.0, **message: Any) -> Answer:
    """A good reply; further words go into the message."""
    message = {"role": "assistant", "content": content} | message
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    whole = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return Answer(json.dumps(whole | {"usage": usage}).encode(), after_s=after_s)


def stream(content: str, *, finish: str | None = "stop", cut: bool = False) -> Answer:
    """The same in pieces of five characters, as server-sent events; usage comes last."""
    deltas = [{"content": content[n : n + 5]} for n in range(0, len(content), 5)]
    rows = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    rows += [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}]
    rows += [{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}]
    whole = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    events = [f"data: {json.dumps(whole | row)}\n\n" for row in rows]
    return Answer("".join([*events, "data: [DONE]\n\n"]).encode(), kind="text/event-stream", cut=cut)


def in_pieces(whole: Answer) -> Answer:
    """A whole reply as a stream, for who asks for one; errors stay."""
    if whole.status != 200:
        return whole
    try:
        choice = json.loads(whole.body)["choices"][0]
        content = choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return whole
    return replace(
        stream(content or "", finish=choice["finish_reason"]), cut=whole.cut, after_s=whole.after_s
    )


def refuse(status: int, words: str = "no", **more: Any) -> Answer:
    """An error as OpenAI words it."""
    error = {"message": words, "type": "some_error", "param": None, "code": None} | more
    return Answer(json.dumps({"error": error}).encode(), status)


@dataclass
class Service:
    """What a test sees of the service."""

    answer: Callable[[dict[str, Any], int], Answer]
    """From a request and how often its prompt had been asked before."""
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    most: int = 0
    """Most requests that it held at one time."""
    paths: Counter[str] = field(default_factory=Counter)
    _held: int = 0
    _lock: Any = field(default_factory=Lock)

    @property
    def prompts(self) -> list[str]:
        """What was asked, in the order of arrival."""
        return [body["messages"][0]["content"] for body in self.asked]

    def reply(self, body: dict[str, Any]) -> Answer:
        """Answer one request, and wait as long as the answer says."""
        with self._lock:
            before = self.prompts.count(body["messages"][0]["content"])
            self.asked.append(body)
            self._held += 1
            self.most = max(self.most, self._held)
        try:
            answer = self.answer(body, before)
            time.sleep(answer.after_s)
            return answer
        finally:
            with self._lock:
                self._held -= 1


class _Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.service.paths[self.path] += 1
        self._send(Answer(b'{"object": "list", "data": [{"id": "teacher", "object": "model"}]}'))

    def do_POST(self) -> None:
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        except (OSError, ValueError):
            self.close_connection = True  # The client was killed while it asked.
            return
        self.service.paths[self.path] += 1
        self.service.keys.add(self.headers["Authorization"])
        try:
            found = self.service.reply(body)
            self._send(in_pieces(found) if body.get("stream") and found.kind == JSON else found)
        except OSError:
            self.close_connection = True  # The client went away.

    def _send(self, answer: Answer) -> None:
        if answer.cut and not answer.body:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body) if not answer.trickle else 10**6))
        self.send_header("retry-after-ms", "5")  # Tests need not wait half a second.
        self.end_headers()
        if answer.trickle:
            for _ in range(200):
                self.wfile.write(b" ")
                time.sleep(0.05)
        self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
        self.close_connection |= answer.cut or answer.trickle

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def start(
    answer: Callable[[dict[str, Any], int], Answer], port: int = 0
) -> tuple[Service, ThreadingHTTPServer]:
    """A service at work on a port; 0 takes a free one."""
    service = Service(answer)
    server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"service": service}))
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return service, server


@contextmanager
def serve(answer: Callable[[dict[str, Any], int], Answer]) -> Iterator[Service]:
    """The same, closed at the end."""
    service, server = start(answer)
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
