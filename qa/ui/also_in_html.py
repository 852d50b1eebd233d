"""Says where else a story was told nearly word for word, as HTML; knows nothing of articles' texts or of answers."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from index.types import ClusterMember
from qa.ui import text
from qa.ui.html import escape, link, web_address

_MAX_NAMES = 5


def also_in_html(members: Sequence[ClusterMember], source: str | None) -> str:
    """ "Also in 2 outlets: A, B" with a link to each outlet's earliest article; empty when there is no other article.

    :param source: The outlet of the article itself, which is not counted again.
    """
    if not members:
        return ""
    outlets: dict[str, ClusterMember] = {}
    for member in members:
        if member.source is None or member.source != source:
            outlets.setdefault(_name(member), member)
    if not outlets:
        return _line(escape(text.ALSO_BY_ITSELF))
    names = [_outlet(name, member) for name, member in list(outlets.items())[:_MAX_NAMES]]
    if len(outlets) > _MAX_NAMES:
        names.append(escape(text.ALSO_IN_MORE.format(count=len(outlets) - _MAX_NAMES)))
    heading = text.ALSO_IN_ONE if len(outlets) == 1 else text.ALSO_IN.format(count=len(outlets))
    return _line(f"{escape(heading)}: {', '.join(names)}")


def _name(member: ClusterMember) -> str:
    if member.source:
        return member.source
    address = web_address(member.url)
    return (urlsplit(address).hostname if address else None) or text.UNKNOWN_SOURCE


def _outlet(name: str, member: ClusterMember) -> str:
    return link(member.url, name, text.ORIGINAL_LABEL.format(title=member.title)) or escape(name)


def _line(safe_html: str) -> str:
    return f'<p class="aq-origin aq-also-in">{safe_html}</p>'
