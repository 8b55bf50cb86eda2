"""A server that gives recorded replies."""

import http.server
import json
import threading

import pytest

DONE = {"result": True, "status": "ok", "time": 0.001}
REPLIES = {  # as a server of version 1.15 gives them
    "/collections/passages": DONE,
    "/collections/passages/exists": {"result": {"exists": True}, "status": "ok", "time": 0.001},
    "/collections/passages/points": {
        "result": [{"id": 0, "payload": {"id": "a", "of": {"texts": "of others"}}}],
        "status": "ok",
        "time": 0.001,
    },
    "/collections/passages/points/count": {"result": {"count": 2}, "status": "ok", "time": 0.001},
    "/collections/passages/points/query": {
        "result": {
            "points": [
                {"id": 1, "version": 0, "score": 1.75, "payload": {"id": "b"}},
                {"id": 0, "version": 0, "score": 1.5, "payload": {"id": "a"}},
            ]
        },
        "status": "ok",
        "time": 0.002,
    },
}


@pytest.fixture
def replies():
    return dict(REPLIES)


@pytest.fixture
def server(replies):
    asked = []

    class Replies(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
            path = self.path.partition("?")[0]
            asked.append((path, self.headers.get("api-key"), body))
            trouble = replies.get("trouble", [])
            self.send_response(trouble.pop(0) if trouble and path in replies["troubled"] else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(replies[path]).encode())

        do_GET = do_PUT = do_DELETE = do_POST

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replies) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}", asked
        serving.shutdown()
