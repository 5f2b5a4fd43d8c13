"""The probe: an engine that computes is let through, one that dies, hangs or miscomputes is not."""

import sys

import pytest

from outcrop.engines import probe as probing
from outcrop.engines.process import EngineFailed

DYING = """#!{python}
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def do_POST(self):
        os.kill(os.getpid(), signal.SIGILL)
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def test_an_engine_that_dies_when_it_computes_is_refused(tmp_path):
    binary = tmp_path / "llama-server"
    binary.write_text(DYING.format(python=sys.executable))
    binary.chmod(0o755)
    with pytest.raises(EngineFailed, match="SIGILL"):
        probing.probe(str(binary))


def test_the_wheel_agrees_with_itself():
    probing.probe("")


def test_one_that_computes_something_else_is_refused(monkeypatch):
    answers = iter([{1: -1.0, 2: -2.0, 3: -3.0}, {1: -1.1, 2: -2.0, 3: -4.0}])

    async def likely(model, binary):
        return next(answers)

    monkeypatch.setattr(probing, "_likely", likely)
    with pytest.raises(EngineFailed, match=r"1\.00 apart"):
        probing.probe("/x")
