"""A stand-in for azureml-inference-server-http that starts in a twentieth of its time, as a wheel.

For tests that start scorers by the hundred and are about what surrounds them: it listens where the launcher
has it listen, runs `init()` and `run()`, and ends with a traceback when `init()` raises. Nothing else of the
real server is in it.
"""

from __future__ import annotations

from pathlib import Path

from support.repository_wheels import write_wheel

_SERVER = """
import argparse
import http.server
import importlib.util
import socket
import sys
import traceback


def run():
    options = argparse.ArgumentParser()
    options.add_argument("--entry_script")
    script = options.parse_known_args()[0].entry_script
    spec = importlib.util.spec_from_file_location("score", script)
    score = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(score)
        score.init()
    except Exception:
        traceback.print_exc()
        sys.exit(3)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer(200, b"Healthy")

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = score.run(None)
            self.answer(found.status, found.body.encode())

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=3)
    server.serve_forever()
"""
_RESPONSE = """
class AMLResponse:
    def __init__(self, body, status, headers):
        self.body, self.status = body, status
"""


def write_cheap_server(folder: Path) -> Path:
    """Writes the wheel into a folder for `UV_FIND_LINKS`, and returns the folder."""
    name = "azureml_inference_server_http"
    files = {
        f"{name}/amlserver.py": _SERVER,
        f"{name}/api/__init__.py": "",
        f"{name}/api/aml_request.py": "def rawhttp(function):\n    return function\n",
        f"{name}/api/aml_response.py": _RESPONSE,
    }
    write_wheel(folder, name.replace("_", "-"), "1.5.99", files=files)
    return folder
