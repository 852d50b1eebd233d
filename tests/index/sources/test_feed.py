"""Feeds of real shapes, good and bad: what they announce, and what is refused by name."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import BadInputError
from index.sources.feed import Feed, checked_date, moment, parse_feed
from tests.index.sources.fakes import NOW, SITE, item, rss

pytestmark = pytest.mark.usefixtures("parsed_here")

RSS = f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">
<channel><title>Lindby News</title><link>{SITE}/</link><language>en-gb</language>
<atom:link href="{SITE}/rss.xml" rel="self" type="application/rss+xml"/>
<item><title><![CDATA[Pier & harbour: <em>12 million</em> euros]]></title><link>{SITE}/pier?utm_source=rss</link>
<dc:creator>Ada Berg</dc:creator><guid isPermaLink="false">n-1</guid>
<pubDate>Fri, 08 Mar 2024 23:30:00 -0500</pubDate></item>
<item><title>Rock &amp;amp; roll returns</title><guid>{SITE}/rock</guid><pubDate>Sat, 09 Mar 2024 08:00:00 GMT</pubDate>
</item></channel></rss>""".encode()

ATOM = f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="sv" xml:base="{SITE}/nyheter/">
<title>Lindbynytt</title><id>urn:feed</id><updated>2024-03-09T10:00:00Z</updated>
<entry><title type="html">Bron &amp;ouml;ppnar &lt;b&gt;igen&lt;/b&gt;</title><link rel="alternate" href="bron"/>
<link rel="enclosure" href="bron.mp3"/><id>urn:1</id><published>2024-03-07T09:00:00+01:00</published>
<updated>2024-03-08T09:00:00+01:00</updated><author><name>Åsa Ek</name></author></entry>
<entry xml:base="/sport/"><title>Målvakten stannar</title><link href="malvakt.html"/><id>urn:2</id>
<updated>2024-03-09T09:00:00Z</updated></entry></feed>""".encode()

RDF = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="{SITE}/rdf"><title>Stadtblatt</title><link>{SITE}</link><dc:language>de</dc:language></channel>
<item rdf:about="{SITE}/bruecke"><title>Br\u00fccke wird gesperrt</title><link>{SITE}/bruecke</link>
<dc:date>2024-03-06T07:15:00+01:00</dc:date><dc:creator>J\u00fcrgen Wei\u00df</dc:creator></item>
</rdf:RDF>""".encode("latin-1")

JSON_FEED = f"""{{"version": "https://jsonfeed.org/version/1.1", "title": "Lindby in JSON", "language": "en",
"items": [{{"id": "1", "url": "{SITE}/pier", "title": "The pier", "date_published": "2024-03-08T10:00:00Z",
"authors": [{{"name": "Ada Berg"}}, {{"name": "Bo Lund"}}]}}, {{"id": "2", "content_text": "no link"}}]}}""".encode()


def read(body: bytes, **options: Any) -> Feed:
    return parse_feed(body, **({"url": f"{SITE}/feeds/main.xml", "now": NOW} | options))


# Shapes


def test_rss_two_with_cdata_permalinks_and_tracking() -> None:
    feed = read(RSS)
    assert (feed.title, feed.language, feed.num_found, feed.rejected) == ("Lindby News", "en", 2, ())
    rock, pier = feed.entries
    assert (pier.url, pier.title) == (f"{SITE}/pier", "Pier & harbour: 12 million euros")
    assert (pier.author, pier.published_at, pier.guid) == ("Ada Berg", "2024-03-08", "n-1")
    assert (rock.url, rock.title, rock.published_at) == (f"{SITE}/rock", "Rock & roll returns", "2024-03-09")


def test_a_time_zone_does_not_move_the_day() -> None:
    assert read(RSS).entries[1].published_at == "2024-03-08"
    assert read(RSS).entries[1].changed_at == datetime(2024, 3, 9, 4, 30, tzinfo=UTC)


def test_atom_with_xml_base_and_swedish_titles() -> None:
    feed = read(ATOM)
    assert (feed.title, feed.language) == ("Lindbynytt", "sv")
    goalkeeper, bridge = feed.entries
    assert (goalkeeper.url, goalkeeper.title) == (f"{SITE}/sport/malvakt.html", "Målvakten stannar")
    assert goalkeeper.published_at == "2024-03-09"
    assert (bridge.url, bridge.title) == (f"{SITE}/nyheter/bron", "Bron öppnar igen")
    assert (bridge.published_at, bridge.author) == ("2024-03-07", "Åsa Ek")
    assert bridge.changed_at == datetime(2024, 3, 8, 8, tzinfo=UTC)


def test_rdf_in_latin_one() -> None:
    feed = read(RDF)
    assert (feed.title, feed.language) == ("Stadtblatt", "de")
    (entry,) = feed.entries
    assert (entry.url, entry.title) == (f"{SITE}/bruecke", "Brücke wird gesperrt")
    assert (entry.published_at, entry.author) == ("2024-03-06", "Jürgen Weiß")


def test_json_feed() -> None:
    feed = read(JSON_FEED)
    (entry,) = feed.entries
    assert (feed.title, feed.language) == ("Lindby in JSON", "en")
    assert (entry.url, entry.title, entry.author) == (f"{SITE}/pier", "The pier", "Ada Berg, Bo Lund")
    assert entry.published_at == "2024-03-08"
    assert "no link" in feed.rejected[0].reason


@pytest.mark.parametrize("title", ["Мост закрыт до весны", "橋は春まで閉鎖", "الجسر مغلق", "पुल बंद"])
def test_titles_in_any_language(title: str) -> None:
    assert read(rss(item("/1", title))).entries[0].title == title


def test_the_servers_charset_counts_where_the_feed_names_none() -> None:
    body = rss(item("/1", "Мост")).decode().encode("cp1251")
    assert read(body, charset="windows-1251").entries[0].title == "Мост"


# Faults


def test_broken_xml_is_read_as_far_as_it_goes() -> None:
    body = rss(item("/1", "Fish & chips"), item("/2", "Cut of"))[:-40]
    assert [entry.title for entry in read(body).entries] == ["Fish & chips", "Cut of"]


def test_what_is_no_feed_is_an_error() -> None:
    for body in (b"", b"just words", b"<html><body>no</body></html>", b'{"version": "x"}', b'{"items": 3}', b"{"):
        with pytest.raises(BadInputError, match="feed cannot be parsed"):
            read(body)


def test_markup_that_the_parser_gives_up_on_is_an_error() -> None:
    with pytest.raises(BadInputError, match="gave up: KeyError"):  # found by fuzzing
        read(b"<feed<entry<link</item< </link<")


def test_an_empty_feed_is_a_feed() -> None:
    assert read(rss()).entries == ()


def test_duplicate_guids_and_links_count_once() -> None:
    body = rss(
        item("/1", "First", guid="a"),
        item("/1-moved", "First again", guid="a"),
        item("/2?utm_campaign=x", "Second", guid="b"),
        item("/2#comments", "Second again", guid="c"),
        item("/3", "Third", guid="d"),
    )
    assert [entry.title for entry in read(body).entries] == ["First", "Second", "Third"]


def test_a_guid_that_all_entries_share_is_no_identity() -> None:
    body = rss(*(item(f"/{number}", f"No {number}", guid="0") for number in range(5)))
    assert len(read(body).entries) == 5


@pytest.mark.parametrize("link", ["javascript:alert(1)", "ftp://news.example/a", "mailto:a@b.example", "tag:x,2024:1"])
def test_links_that_are_no_web_addresses_are_refused_by_name(link: str) -> None:
    feed = read(rss(item(link, "Odd one"), item("/2", "Good one")))
    assert [entry.title for entry in feed.entries] == ["Good one"]
    (rejection,) = feed.rejected
    assert rejection.item == f"{SITE}/feeds/main.xml, entry 1 (Odd one)"
    assert link in rejection.reason
    assert "http" in rejection.reason


def test_entries_without_links_are_refused_by_name() -> None:
    (rejection,) = read(rss(item(None, "A loose thought", guid="x"))).rejected
    assert rejection.item.endswith("entry 1 (A loose thought)")
    assert "no link" in rejection.reason


def test_ten_thousand_entries_are_cut_to_the_newest() -> None:
    items = [{"url": f"/{number}", "date_published": f"2024-03-{1 + number % 9:02d}"} for number in range(10_000)]
    feed = read(json.dumps({"items": items}).encode())
    assert (feed.num_found, len(feed.entries)) == (10_000, 200)
    assert {entry.published_at for entry in feed.entries} == {"2024-03-09"}


def test_undated_entries_come_last_in_their_order() -> None:
    body = rss(item("/1"), item("/2", date="Fri, 08 Mar 2024 10:00:00 GMT"), item("/3"))
    assert [entry.url[-1] for entry in read(body).entries] == ["2", "1", "3"]
    assert [entry.url[-1] for entry in read(body, max_entries=2).entries] == ["2", "1"]


# Entities: nothing is expanded, nothing is opened

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 50}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + '<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % y SYSTEM "http://127.0.0.1:9/y"> %y;]>'
    + '<rss version="2.0"><channel><title>T</title><item><title>before &i;&x; after</title>'
    + "<link>/1</link></item></channel></rss>"
).encode()


@pytest.mark.parametrize(
    "body", [BOMB, BOMB.decode().encode("utf-16"), BOMB.replace(b"<!ENTITY a", b"<!EN<!ENTITY z ''>TITY a")]
)
def test_entities_are_neither_expanded_nor_opened(body: bytes) -> None:
    (entry,) = read(body).entries
    assert entry.title is not None
    assert len(entry.title) < 100
    assert "root:" not in entry.title
    assert "haha" not in entry.title


def test_entities_hidden_in_entities_are_refused() -> None:
    nested = b"<!ENTITY a ''>"
    for _ in range(12):
        nested = b"<!EN" + nested + b"TITY a ''>"
    with pytest.raises(BadInputError, match="inside entities"):
        read(rss(item("/1")).replace(b"<rss", b"<!DOCTYPE rss [" + nested + b"]><rss"))


def test_html_entities_of_old_feeds_are_understood() -> None:
    body = rss(item("/1", "Caf&eacute;")).replace(b"<rss", b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/rss.dtd"><rss')
    assert read(body).entries[0].title == "Café"


# Dates


@pytest.mark.parametrize(
    ("raw", "utc", "day", "future"),
    [
        (None, None, None, None),
        ("Mon, 04 Mar 2024 10:00:00 GMT", "2024-03-04T10:00:00+00:00", "2024-03-04", None),
        ("2024-03-12T10:00:00Z", None, "2024-03-12", None),
        ("2024-03-13T10:00:00Z", None, None, "2024-03-13T10:00:00Z"),
        ("Tue, 04 Mar 2099 10:00:00 GMT", "2099-03-04T10:00:00+00:00", None, "Tue, 04 Mar 2099 10:00:00 GMT"),
        ("04 Mar 24 10:00 GMT", "2024-03-04T10:00:00+00:00", "2024-03-04", None),
        ("03/04/2024", "2024-03-04T00:00:00+00:00", None, None),
        ("2024-03", "2024-03-01T00:00:00+00:00", None, None),
        ("soon", None, None, None),
        ("0001-01-01T00:00:00Z", None, None, None),
    ],
)
def test_dates_are_days_that_have_come(raw: str | None, utc: str | None, day: str | None, future: str | None) -> None:
    assert checked_date(raw, utc, NOW) == (day, future)


def test_a_future_date_is_left_out_and_kept_for_the_record() -> None:
    (entry,) = read(rss(item("/1", date="Fri, 08 Mar 2124 10:00:00 GMT"))).entries
    assert entry.published_at is None
    assert entry.published_at_as_given == "Fri, 08 Mar 2124 10:00:00 GMT"
    assert entry.changed_at is None


@given(st.dates(min_value=date(1990, 1, 1)), st.sampled_from(["%Y-%m-%d", "%a, %d %b %Y 08:00:00 +0200"]))
def test_no_accepted_date_lies_beyond_two_days(day: date, form: str) -> None:
    accepted, future = checked_date(day.strftime(form), None, NOW)
    is_future = (day - NOW.date()).days > 2
    assert accepted == (None if is_future else day.isoformat())
    assert (future is not None) is is_future


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    found = moment(text, NOW)
    assert found is None or (found.tzinfo is not None and found <= NOW)


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_entry_with_any_title_and_link_is_read_or_refused(title: str, link: str) -> None:
    feed = read(json.dumps({"items": [{"title": title, "url": link}]}).encode())
    assert len(feed.entries) + len(feed.rejected) == 1
    assert all(entry.url.startswith(("http://", "https://")) for entry in feed.entries)
