"""Text that models and people wrote, as safe HTML.

Two walls: the Markdown parser lets no HTML through, and whatever it makes is
cleaned against a short list of tags. Colours of code come as classes, because
the content security policy refuses inline styles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "span",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul", "div",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "div": {"tabindex", "class"},
}
SCHEMES = {"http", "https", "mailto"}
CODE_CLASSES = set(STANDARD_TYPES.values()) - {""}
LONGEST_HIGHLIGHTED = 20_000  # characters; a lexer may need quadratic time on hostile text

_formatter = HtmlFormatter(nowrap=True)


def chat_html(text: str) -> SafeString:
    """Sanitised HTML of a turn in a conversation; single line breaks stay, as the writer of a chat means them."""
    return _cleaned(_chat.render(text))


def document_html(text: str) -> SafeString:
    """Sanitised HTML of a document, whose lines may be wrapped anywhere."""
    return _cleaned(_document.render(text))


def _cleaned(html: str) -> SafeString:
    html = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        allowed_classes={"span": CODE_CLASSES},
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(html)


def _highlighted(code: str, language: str) -> str:
    if not language or len(code) > LONGEST_HIGHLIGHTED:
        return escapeHtml(code)
    try:
        return str(highlight(code, get_lexer_by_name(language), _formatter))
    except ClassNotFound:
        return escapeHtml(code)


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Mapping[str, Any]
) -> str:
    """An image would call somebody else's server from the rater's browser: say what it is instead."""
    token = tokens[index]
    return escapeHtml(f"[image: {token.content or token.attrGet('src')}]")


def _heading(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Mapping[str, Any]
) -> str:
    """Headings start below those of the page, so that its outline stays true."""
    level = min(int(tokens[index].tag[1]) + 2, 6)
    return f"<h{level}>" if tokens[index].nesting == 1 else f"</h{level}>\n"


def _table(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Mapping[str, Any]
) -> str:
    """A wide table scrolls by itself, also from the keyboard."""
    return '<div class="wide" tabindex="0"><table>' if tokens[index].nesting == 1 else "</table></div>\n"


def _fence(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Mapping[str, Any]
) -> str:
    language = tokens[index].info.strip().split(" ")[0]
    return f'<pre tabindex="0"><code>{_highlighted(tokens[index].content, language)}</code></pre>\n'


def _parser(*, breaks: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": breaks}).enable(["table", "strikethrough"])
    for kind in ("heading_open", "heading_close"):
        parser.add_render_rule(kind, _heading)
    for kind in ("table_open", "table_close"):
        parser.add_render_rule(kind, _table)
    for kind in ("fence", "code_block"):
        parser.add_render_rule(kind, _fence)
    parser.add_render_rule("image", _image)
    return parser


_chat = _parser(breaks=True)
_document = _parser(breaks=False)
