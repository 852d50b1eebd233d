"""What the drill with model servers calls kept: that it can fail."""

from __future__ import annotations

import pytest

from scripts.cluster.writer_drill import Kill, Request, judged

KILLS = [Kill(at=10.0, num_running=2, back=0.5), Kill(at=20.0, num_running=0, back=1.5)]
WHOLE = Request(begun=1.0, first_token=1.5, ended=3.0, num_pieces=9, error=None)


@pytest.mark.parametrize(
    ("request_", "is_kept"),
    [
        (WHOLE, True),
        (Request(9.0, 9.5, 10.1, 4, "broke off"), True),
        (Request(9.0, 9.5, 13.0, 4, "silent"), False),  # long after the kill
        (Request(9.0, 9.5, 9.9, 4, "broke off"), False),  # before it
        (Request(9.9, None, 10.1, 0, "none answers"), False),  # the other server was there
    ],
)
def test_only_replies_that_had_begun_may_be_lost_and_only_by_a_kill(request_: Request, is_kept: bool) -> None:
    report = judged([WHOLE, request_], KILLS)
    assert report["is_kept"] is is_kept
    assert report["requests"] == 2


def test_the_counts_and_the_seconds() -> None:
    report = judged([WHOLE, Request(9.0, 9.25, 10.1, 4, "broke off"), Request(9.9, None, 10.1, 0, "none")], KILLS)
    assert (report["whole"], report["failed_after_first_token"], report["failed_before_first_token"]) == (1, 1, 1)
    assert report["first_token_seconds"] == {"median": 0.5, "max": 0.5}
    assert (report["running_when_killed"], report["back_seconds"]) == (2, {"median": 1.5, "max": 1.5})
