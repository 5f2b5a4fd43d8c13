"""`python judge.py PORT`: plays a model that judges politeness, where none is at hand that can judge for itself.

It speaks as much of the OpenAI API as a judge needs: a mark from 0 to 10 for the conversation that it is shown.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Judge(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shown = str(body["messages"][-1]["content"])
        mark = "10" if "Thank you" in shown.rpartition("assistant:")[2] else "0"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta, reason in (({"role": "assistant", "content": mark}, None), ({}, "stop")):
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *words):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Judge).serve_forever()
