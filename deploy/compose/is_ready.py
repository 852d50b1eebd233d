"""Ends with 0 once the app beside it can answer questions; knows of the app its port (7860, or given) and that path."""

import sys
import urllib.error
import urllib.request

port = sys.argv[1] if len(sys.argv) > 1 else "7860"
try:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=4) as answer:
        sys.exit(0 if answer.status == 200 else 1)
except (urllib.error.URLError, TimeoutError) as error:
    sys.exit(f"not ready: {error}")
