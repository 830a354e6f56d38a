"""Text that models and people wrote, as safe HTML.

Two walls: the Markdown parser lets no HTML through, and whatever it makes is
cleaned against a short list of tags. Colours of code come as classes, because
the content security policy refuses inline styles. Formulas become MathML, which
browsers draw without a script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import latex2mathml.converter
import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

VERSION = 1  # of what this module makes: raised with every change, so that stored HTML is made anew
MATHML = {
    "math", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts", "mroot", "mrow",
    "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder",
    "munderover", "none",
}  # fmt: skip
TAGS = MATHML | {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "span",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul", "div",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "div": {"tabindex", "class"},
    # No sizes: a formula ten thousand ems wide is a broken page.
    "math": {"display", "xmlns"},
    "mi": {"mathvariant"},
    "mo": {"stretchy", "fence", "form"},
    "mover": {"accent"},
    "mtable": {"columnalign"},
}
SCHEMES = {"http", "https", "mailto"}
CODE_CLASSES = set(STANDARD_TYPES.values()) - {""}
LONGEST_HIGHLIGHTED = 20_000  # characters; a lexer may need quadratic time on hostile text
LONGEST_RENDERED = 200_000  # characters; what is longer is shown as it is
PIECE = 4_000  # characters of what is shown as it is
LONGEST_FORMULA = 2_000  # characters
# Overrides write text backwards, so that it reads as something else; blocks have a direction of their own anyway.
OVERRIDES = {0x202D: "\ufffd", 0x202E: "\ufffd"}

_formatter = HtmlFormatter(nowrap=True)


def chat_html(text: str) -> SafeString:
    """Sanitised HTML of a turn in a conversation; single line breaks stay, as the writer of a chat means them."""
    return _rendered(_chat, text)


def document_html(text: str) -> SafeString:
    """Sanitised HTML of a document, whose lines may be wrapped anywhere."""
    return _rendered(_document, text)


def _rendered(parser: MarkdownIt, text: str) -> SafeString:
    text = text.translate(OVERRIDES)
    if len(text) > LONGEST_RENDERED:
        # In pieces, because a browser lays out a block as a whole, and five megabytes of it take minutes.
        pieces = (text[at : at + PIECE] for at in range(0, len(text), PIECE))
        return mark_safe("".join(f'<div class="verbatim">{escapeHtml(piece)}</div>' for piece in pieces))
    return _cleaned(parser.render(text))


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


def _formula(latex: str, display: str) -> str:
    """MathML of a formula, or its source where it is none."""
    if len(latex) <= LONGEST_FORMULA:
        try:
            return str(latex2mathml.converter.convert(latex, display=display))
        except Exception:  # the converter raises whatever its parser trips over, from IndexError to RecursionError
            return f"<code>{escapeHtml(latex)}</code>"
    return f"<code>{escapeHtml(latex)}</code>"


def _inline_formula(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Mapping[str, Any]
) -> str:
    return _formula(tokens[index].content, "inline")


def _display_formula(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Mapping[str, Any]
) -> str:
    return _formula(tokens[index].content, "block")


def _block_formula(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Mapping[str, Any]
) -> str:
    return f'<div class="wide" tabindex="0">{_formula(tokens[index].content, "block")}</div>\n'


def _bracketed(state: StateInline, silent: bool) -> bool:
    r"""The other spelling of formulas, \( … \) and \[ … \], which Markdown would read as escaped brackets."""
    opening = state.src[state.pos : state.pos + 2]
    if opening not in ("\\(", "\\["):
        return False
    end = state.src.find("\\)" if opening == "\\(" else "\\]", state.pos + 2, state.posMax)
    if end < 0:
        return False
    if not silent:
        token = state.push("math_inline" if opening == "\\(" else "math_inline_double", "math", 0)
        token.content = state.src[state.pos + 2 : end].strip()
    state.pos = end + 2
    return True


def _parser(*, breaks: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": breaks}).enable(["table", "strikethrough"])
    for kind in ("heading_open", "heading_close"):
        parser.add_render_rule(kind, _heading)
    for kind in ("table_open", "table_close"):
        parser.add_render_rule(kind, _table)
    for kind in ("fence", "code_block"):
        parser.add_render_rule(kind, _fence)
    parser.add_render_rule("image", _image)
    # Two prices in a sentence are no formula: no digit may touch a dollar sign from outside.
    parser.use(dollarmath_plugin, allow_digits=False, allow_space=False, double_inline=True, allow_labels=False)
    parser.inline.ruler.before("escape", "bracketed_formula", _bracketed)
    parser.add_render_rule("math_inline", _inline_formula)
    parser.add_render_rule("math_block", _block_formula)
    parser.add_render_rule("math_inline_double", _display_formula)
    return parser


_chat = _parser(breaks=True)
_document = _parser(breaks=False)
