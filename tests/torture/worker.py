"""Forks processes that have everything imported and run one task each; knows nothing of what the tasks do.

Importing takes longer than the work, so one server imports once. Run as ``python -m tests.torture.worker ADDRESS``: for
each line of JSON on standard input it starts a task (and prints the process's id) or waits for one (and prints its exit
status, negative for a signal). A task talks to the harness over the Unix socket at ADDRESS.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from tests.torture.channel import Channel, ChannelClosedError
from tests.torture.tasks import TASKS


def serve(address: str) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            reply = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            reply = os.fork()
            if reply == 0:
                _run(address, request)
        print(reply, flush=True)


def _run(address: str, request: dict[str, Any]) -> None:
    """Never returns: what the server's interpreter would do at its end is not the task's business."""
    status = 1
    try:
        channel = Channel.connect(address)
        TASKS[request["task"]](channel, **request["arguments"])
        status = 0
    except ChannelClosedError:
        status = 3  # the harness gave up on this task
    except BaseException:  # noqa: BLE001 (printed; the status tells the harness)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
