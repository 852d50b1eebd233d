"""What a site's robots.txt asks not to be fetched is not fetched, however it is reached."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import PermanentFetchError, TransientFetchError
from index.fetching import Fetcher, FetchLimits, PoliteFetcher
from index.fetching.exchange import Wire
from index.fetching.robots import MAX_ROBOTS_BYTES, RobotsRules
from tests.index.fetching.bad_server import WIRE, BadServer, answer, endless, raw, redirect
from tests.index.fetching.networks import ForwardingNetwork, Names
from tests.index.fetching.test_pacing import Clock

PAGE = b"The river rose by two metres."


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer() as started:
        started.serve("/page", PAGE)
        yield started


def fetcher_for(server: BadServer, **options: Any) -> Fetcher:
    limits = FetchLimits(max_bytes=2**20, total_seconds=3)
    return Fetcher(policy=server.policy, limits=limits, wire=WIRE, min_interval_seconds=0, **options)


def robots(server: BadServer, text: str) -> None:
    server.serve("/robots.txt", text.encode(), media_type="text/plain")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", True),
        ("User-agent: *\nDisallow:", True),
        ("User-agent: *\nDisallow: /", False),
        ("\ufeffUser-agent: *\nDisallow: /", False),
        ("user-agent:*\r\nDISALLOW:/dir", False),
        ("User-agent: *\nDisallow: /dir/p", False),
        ("User-agent: *\nDisallow: /other", True),
        ("User-agent: *\nDisallow: /\nAllow: /dir/page", True),
        ("User-agent: *\nDisallow: /*.html$", False),
        ("User-agent: *\nDisallow: /*?session=", True),
        ("User-agent: ArticleQA\nDisallow: /", False),
        ("User-agent: articleqa/2.0 # us\nDisallow: /", False),
        ("User-agent: Otherbot\nDisallow: /", True),
        ("User-agent: Article\nDisallow: /", True),
        ("User-agent: ArticleQA-Images\nDisallow: /", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: ArticleQA\nAllow: /", True),
        ("User-agent: ArticleQA\nAllow: /\n\nUser-agent: *\nDisallow: /", True),
        ("User-agent: Otherbot\nUser-agent: *\nDisallow: /", False),
        ("User-agent: Otherbot\nUser-agent: ArticleQA\nDisallow: /", False),
        ("User-agent: *\nUser-agent: Otherbot\nDisallow: /", False),
        ("User-agent: *\nAllow: /\nUser-agent: Otherbot\nDisallow: /", True),
        ("Disallow: /", True),
        ("<html><body>Not found</body></html>", True),
        ("\x00\x01\x02", True),
    ],
)
def test_the_group_for_this_program_decides_and_else_the_one_for_everyone(text: str, allowed: bool) -> None:
    assert RobotsRules(text).allowed("https://news.example/dir/page.html") is allowed


@pytest.mark.parametrize(
    ("line", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("99999", 10.0), ("-1", 0.0), ("nan", 0.0), ("soon", 0.0), ("", 0.0)],
)
def test_the_delay_a_site_asks_for_is_at_most_ten_seconds(line: str, seconds: float) -> None:
    assert RobotsRules(f"User-agent: *\nCrawl-delay: {line}").crawl_delay_seconds() == seconds


@given(st.text(max_size=200))
def test_any_text_can_be_rules(text: str) -> None:
    for rules in (RobotsRules(text), RobotsRules(f"User-agent: *\nDisallow: {text}\nCrawl-delay: {text}")):
        assert rules.allowed("https://news.example/a?b=c") in (True, False)
        assert 0 <= rules.crawl_delay_seconds() <= 10


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"User-agent: bot{n}\n" for n in range(15_000)) + "Disallow: /a\n" * 15_000,
        "User-agent: *\n" + "Disallow: /" + "*a" * 200_000,
        "User-agent: *\n" + "Disallow: /*a*b*c*d*e$\n" * 20_000,
        "User-agent: *\nDisallow: /" + "$" * 400_000,
    ],
    ids=["many agents by many rules", "many wild cards", "many wild rules", "many ends"],
)
def test_rules_made_to_take_long_do_not(text: str) -> None:
    began = time.monotonic()
    RobotsRules(text[:MAX_ROBOTS_BYTES]).allowed("https://news.example/" + "abcd" * 900)
    assert time.monotonic() - began < 10


def test_a_page_that_may_be_fetched_is(server: BadServer) -> None:
    robots(server, "User-agent: *\nDisallow: /private")
    fetched = PoliteFetcher(fetcher_for(server)).fetch(server.url("/page"))
    assert fetched.body == PAGE
    assert server.paths == ["/robots.txt", "/page"]


def test_a_page_that_may_not_be_fetched_is_not_asked_for(server: BadServer) -> None:
    robots(server, "User-agent: *\nDisallow: /pa")
    with pytest.raises(PermanentFetchError, match=r"^robots\.txt of 127\.0\.0\.1 asks not to fetch this page$"):
        PoliteFetcher(fetcher_for(server)).fetch(server.url("/page"))
    assert server.paths == ["/robots.txt"]


def test_a_redirect_does_not_lead_around_the_rules(server: BadServer) -> None:
    robots(server, "User-agent: *\nDisallow: /page")
    server.on("/open", redirect("/page"))
    with pytest.raises(PermanentFetchError, match="asks not to fetch"):
        PoliteFetcher(fetcher_for(server)).fetch(server.url("/open"))
    assert server.paths == ["/robots.txt", "/open"]


def test_another_host_behind_a_redirect_has_rules_of_its_own() -> None:
    with BadServer() as server:
        robots(server, "User-agent: *\nDisallow: /page")
        server.on("/open", redirect("http://other.example/page"))
        network = ForwardingNetwork(server.port)
        fetcher = Fetcher(
            resolve=Names(["93.184.215.14"]), wire=Wire(network, WIRE.ssl_context), min_interval_seconds=0
        )
        with pytest.raises(PermanentFetchError, match=r"robots\.txt of other\.example asks"):
            PoliteFetcher(fetcher).fetch("http://news.example/open")
        asked = [(request.headers["host"], request.path) for request in server.requests]
    assert asked == [("news.example", "/robots.txt"), ("news.example", "/open"), ("other.example", "/robots.txt")]


def test_nothing_is_asked_of_a_private_address_not_even_its_robots_txt(server: BadServer) -> None:
    server.on("/open", redirect("http://10.0.0.1/page"))
    with pytest.raises(PermanentFetchError):
        PoliteFetcher(fetcher_for(server)).fetch(server.url("/open"))
    assert server.paths == ["/robots.txt", "/open"]


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 451])
def test_a_site_without_rules_may_be_read(server: BadServer, status: int) -> None:
    server.on("/robots.txt", raw(answer(status=status)))
    assert PoliteFetcher(fetcher_for(server)).fetch(server.url("/page")).body == PAGE


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_site_whose_rules_cannot_be_read_now_is_left_alone_until_later(server: BadServer, status: int) -> None:
    clock = Clock()
    polite = PoliteFetcher(fetcher_for(server), clock=clock)
    server.on("/robots.txt", raw(answer(status=status, headers={"Retry-After": "77"})))
    for _ in range(3):
        with pytest.raises(TransientFetchError, match=r"robots\.txt of 127\.0\.0\.1 cannot be read now") as error:
            polite.fetch(server.url("/page"))
        assert error.value.retry_after_seconds == 77
    assert server.paths == ["/robots.txt"]
    robots(server, "")
    clock.now += 301
    assert polite.fetch(server.url("/page")).body == PAGE


def test_a_site_that_cannot_be_reached_is_left_alone() -> None:
    with BadServer() as gone:
        polite, url = PoliteFetcher(fetcher_for(gone)), gone.url("/page")
    with pytest.raises(TransientFetchError, match=r"robots\.txt of"):
        polite.fetch(url)


@pytest.mark.parametrize("behaviour", [raw(b"garbage\r\n\r\n"), redirect("/robots.txt"), redirect("http://10.0.0.1/")])
def test_rules_that_can_never_be_read_close_the_site(server: BadServer, behaviour: Callable[..., object]) -> None:
    server.on("/robots.txt", behaviour)  # type: ignore[arg-type]
    polite = PoliteFetcher(fetcher_for(server))
    for _ in range(2):
        with pytest.raises(PermanentFetchError, match=r"robots\.txt of 127\.0\.0\.1 cannot be read"):
            polite.fetch(server.url("/page"))
    assert server.paths == ["/robots.txt"]


def test_of_a_huge_robots_txt_the_beginning_counts(server: BadServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nUser-agent: *\nDisallow: /private\n"
    server.on("/robots.txt", endless(head, b"# and so on and so on\n" * 1000))
    server.serve("/private", PAGE)
    polite = PoliteFetcher(fetcher_for(server))
    assert polite.fetch(server.url("/page")).body == PAGE
    with pytest.raises(PermanentFetchError, match="asks not to fetch"):
        polite.fetch(server.url("/private"))


def test_rules_are_read_once_a_day(server: BadServer) -> None:
    clock = Clock()
    polite = PoliteFetcher(fetcher_for(server), clock=clock)
    robots(server, "")
    polite.fetch(server.url("/page"))
    clock.now += 24 * 3600 - 1
    polite.fetch(server.url("/page"))
    assert server.paths.count("/robots.txt") == 1
    robots(server, "User-agent: *\nDisallow: /")
    clock.now += 2
    with pytest.raises(PermanentFetchError):
        polite.fetch(server.url("/page"))
    assert server.paths.count("/robots.txt") == 2


def test_rules_are_read_once_however_many_ask_at_once(server: BadServer) -> None:
    robots(server, "")
    polite = PoliteFetcher(fetcher_for(server))
    threads = [threading.Thread(target=polite.fetch, args=(server.url("/page"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(server.paths) == ["/page"] * 8 + ["/robots.txt"]


def test_only_so_many_sites_are_remembered() -> None:
    with BadServer() as server:
        server.serve("/page", PAGE)
        network = ForwardingNetwork(server.port)
        fetcher = Fetcher(
            resolve=Names(["93.184.215.14"]), wire=Wire(network, WIRE.ssl_context), min_interval_seconds=0
        )
        polite = PoliteFetcher(fetcher, max_origins=2)
        for host in ("a", "b", "a", "c", "a", "b"):  # c takes the place of b, which was asked longest ago
            polite.fetch(f"http://{host}.example/page")
        asked = [request.headers["host"][0] for request in server.requests if request.path == "/robots.txt"]
    assert asked == ["a", "b", "c", "b"]


def test_a_site_is_asked_as_slowly_as_it_wants(server: BadServer) -> None:
    robots(server, "User-agent: *\nCrawl-delay: 4")
    clock = Clock()
    polite = PoliteFetcher(fetcher_for(server, clock=clock, sleep=clock.sleep))
    polite.fetch(server.url("/page"))
    polite.fetch(server.url("/page"))
    assert clock.slept == [4, 4]  # between the rules and the page, too


def test_conditions_reach_the_page_and_not_the_rules(server: BadServer) -> None:
    robots(server, "")
    server.on("/page", raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"))
    fetched = PoliteFetcher(fetcher_for(server)).fetch(server.url("/page"), etag='"v1"')
    assert fetched.status == "not_modified"
    assert "if-none-match" not in server.requests[0].headers
