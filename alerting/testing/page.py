"""The inbox page: messages as Slack would show them, in plain HTML that refreshes itself; buttons work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape, unescape
from typing import Any, Final

REFRESH_SECONDS: Final = 2
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_MARKUP: Final = re.compile(r"<([^<>]+)>|`([^`\n]+)`|\*([^*\n]+)\*")
_LINK: Final = re.compile(r"(https?://[^|\s]+)(?:\|(.*))?")
_DATE: Final = re.compile(r"!date\^(\d+)\^[^|]*\|(.*)")

_DOTS: Final = {"🔴": "red", "🟠": "amber", "🔵": "blue", "🟢": "green", "⚪": "grey"}
_DOT: Final = re.compile("|".join(_DOTS))
"""Drawn as dots, since not every machine has a font for them."""
_PICTURES: Final = re.compile("[👀🔕🔔🔁] ?")
"""Left out for the same reason; the words beside them say the same."""

SCRIPT: Final = f"""
const SHOWN = {{ dateStyle: "medium", timeStyle: "medium" }};
const list = document.getElementById("messages");
async function refresh() {{
  try {{
    const answer = await fetch("/messages");
    const text = await answer.text();
    const open = [...list.querySelectorAll("details[open]")].map((d) => d.id);
    if (answer.ok && text !== list.dataset.last) {{
      list.dataset.last = text;
      list.innerHTML = text;
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      for (const t of list.querySelectorAll("time"))
        t.textContent = new Date(t.dateTime).toLocaleString([], SHOWN);
    }}
    document.body.classList.remove("stale");
  }} catch {{ document.body.classList.add("stale"); }}
}}
list.addEventListener("click", async (event) => {{
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  const ts = button.closest("article").id.slice(1);
  for (const other of button.parentElement.children) other.disabled = true;
  const body = JSON.stringify({{ ts, action_id: button.dataset.action }});
  const headers = {{ "Content-Type": "application/json" }};
  const answer = await fetch("/press", {{ method: "POST", headers, body }});
  const words = await answer.text();
  if (words) button.insertAdjacentText("afterend", " " + words + " ");
}});
refresh();
setInterval(refresh, {REFRESH_SECONDS * 1000});
"""

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d1c1d; --quiet: #616061; --page: #f4f4f5; --card: #fff;
  --line: #dddde0; --code: #c0264b; --code-page: #f6f6f7; --link: #1264a3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --quiet: #a5a5ab; --page: #16181c;
  --card: #1f2227; --line: #3a3d44; --code: #ff8aa5; --code-page: #2a2d33; --link: #6cb4f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.46 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.15rem; margin: 0; } .about { color: var(--quiet); margin: .15rem 0 1rem; font-size:
.85rem; } .stale .about::after { content: " — no answer from the inbox, showing what it said last"; color:
#d7263d; } article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .8rem 1rem; margin: 0 0 .9rem; }
.meta { color: var(--quiet); font-size: .8rem; display: flex; gap: .6rem; flex-wrap: wrap; }
.title { font-size: 1.1rem; font-weight: 700; margin: .35rem 0; overflow-wrap: anywhere; }
.section { margin: .4rem 0; overflow-wrap: anywhere; }
.fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .4rem 1rem;
  margin: .5rem 0; overflow-wrap: anywhere; }
.context { color: var(--quiet); font-size: .8rem; margin: .4rem 0 0; }
.attachment { border-left: 4px solid var(--line); padding-left: .8rem; margin: .6rem 0 0; }
.reply { border-top: 1px solid var(--line); margin-top: .6rem; padding-top: .5rem; font-size: .92rem; }
.replies { margin: .6rem 0 0 .6rem; padding-left: .8rem; border-left: 2px solid var(--line); }
.problem { color: #fff; background: #b3261e; border-radius: .3rem; padding: .1rem .4rem; font-size: .8rem; }
code { background: var(--code-page); color: var(--code); border: 1px solid var(--line); border-radius: .25rem;
  padding: 0 .25rem; font-size: .87em; } a { color: var(--link); } hr { border: 0; border-top: 1px solid
  var(--line); }
.dot { display: inline-block; width: .75em; height: .75em; border-radius: 50%; background: #7d8590; }
.dot.red { background: #d7263d; } .dot.amber { background: #f2a33a; } .dot.blue { background: #3a7bd5; }
.dot.green { background: #2eb67d; }
button { font: inherit; font-size: .85rem; padding: .2rem .7rem; border: 1px solid var(--line); border-radius:
  .4rem; background: var(--card); color: var(--ink); cursor: pointer; }
button.primary { background: #007a5a; border-color: #007a5a; color: #fff; }
button:disabled { opacity: .5; cursor: default; }
details { color: var(--quiet); font-size: .8rem; margin-top: .4rem; } .empty { color: var(--quiet); }
"""


def document(listing: Mapping[str, Any]) -> str:
    """The whole page; without scripts it reloads as a whole."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>driftgauge inbox</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<noscript><meta http-equiv="refresh" content="{REFRESH_SECONDS}"></noscript>'
        f"<style>{_STYLE}</style></head><body><main><h1>Inbox</h1>"
        '<p class="about">What Slack would show. Newest first, this page refreshes itself.</p>'
        f'<div id="messages">{messages(listing)}</div></main>'
        '<script src="/refresh.js"></script></body></html>'
    )


def messages(listing: Mapping[str, Any]) -> str:
    """The messages with their threads."""
    if not listing["messages"]:
        return '<p class="empty">Nothing yet. Messages appear here as soon as an alert fires.</p>'
    return "".join(_message(message) for message in listing["messages"])


def mrkdwn(text: str) -> str:
    """Slack's markup as HTML; whatever is not markup is shown as it stands.

    Examples
    --------
    >>> mrkdwn("*a* &lt;b&gt; `c` <https://example.org/?x=1&amp;y=2|d>")
    '<b>a</b> &lt;b&gt; <code>c</code> <a href="https://example.org/?x=1&amp;y=2" rel="noreferrer">d</a>'
    """
    parts, position = [], 0
    for match in _MARKUP.finditer(text):
        parts += [_plain(text[position : match.start()]), _marked(match)]
        position = match.end()
    return "".join([*parts, _plain(text[position:])])


def _marked(match: re.Match[str]) -> str:
    special, code, bold = match.groups()
    if code is not None:
        return f"<code>{_plain(code)}</code>"
    if bold is not None:
        return f"<b>{mrkdwn(bold)}</b>"
    if date := _DATE.fullmatch(special):
        return _time(float(date[1]), date[2])
    if link := _LINK.fullmatch(special):
        label = _plain(link[2] or link[1])
        return f'<a href="{escape(unescape(link[1]))}" rel="noreferrer">{label}</a>'
    return f'<span class="problem">{escape(special)}</span>'  # a mention: nothing of ours makes one


def _plain(text: str) -> str:
    html = _PICTURES.sub("", escape(unescape(text), quote=False)).replace("\n", "<br>")
    return _DOT.sub(lambda match: f'<span class="dot {_DOTS[match[0]]}" role="img"></span>', html)


def _time(seconds: float, fallback: str = "") -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return (
        f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{_plain(fallback) or f"{moment:%H:%M:%S} UTC"}</time>'
    )


def _message(message: Mapping[str, Any]) -> str:
    replies = "".join(
        f'<div class="reply"><div class="meta">{_time(reply["posted_at"])}</div>{_content(reply)}</div>'
        for reply in message["replies"]
    )
    times = "once" if message["updates"] == 1 else f"{message['updates']} times"
    edited = f"<span>edited {times}</span>" if message["updates"] else ""
    return (
        f'<article id="m{escape(message["ts"])}"><div class="meta"><b>#{escape(message["channel_name"])}</b>'
        f"<span>{_time(message['posted_at'])}</span>{edited}</div>{_content(message)}{_earlier(message)}"
        + (f'<div class="replies">{replies}</div>' if replies else "")
        + "</article>"
    )


def _earlier(message: Mapping[str, Any]) -> str:
    if not message["earlier"]:
        return ""
    rows = "".join(
        f"<div>{_time(entry['at'])} {mrkdwn(str(entry['text']))}</div>" for entry in message["earlier"]
    )
    return f'<details id="d{escape(message["ts"])}"><summary>What it said before</summary>{rows}</details>'


def _content(message: Mapping[str, Any]) -> str:
    problems = "".join(
        f'<p><span class="problem">not escaped</span> {escape(text)}</p>' for text in message["problems"]
    )
    blocks = _blocks(message.get("blocks") or ())
    attachments = "".join(_attachment(attachment) for attachment in message.get("attachments") or ())
    if not blocks:
        blocks = f'<div class="section">{mrkdwn(str(message.get("text", "")))}</div>'
    return problems + blocks + attachments


def _attachment(attachment: Mapping[str, Any]) -> str:
    colour = str(attachment.get("color", ""))
    style = f' style="border-color: {colour}"' if _COLOUR.fullmatch(colour) else ""
    inner = _blocks(attachment.get("blocks") or ()) or mrkdwn(str(attachment.get("text", "")))
    return f'<div class="attachment"{style}>{inner}</div>'


def _blocks(blocks: Iterable[Mapping[str, Any]]) -> str:
    return "".join(_block(block) for block in blocks)


def _block(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    if kind == "header":
        return f'<div class="title">{_text(block["text"])}</div>'
    if kind == "section":
        text = f'<div class="section">{_text(block["text"])}</div>' if "text" in block else ""
        fields = "".join(f"<div>{_text(entry)}</div>" for entry in block.get("fields", ()))
        return text + (f'<div class="fields">{fields}</div>' if fields else "")
    if kind == "context":
        return f'<div class="context">{" ".join(_text(entry) for entry in block["elements"])}</div>'
    if kind == "actions":
        return f'<div class="section">{"".join(_button(entry) for entry in block["elements"])}</div>'
    return "<hr>"


def _button(button: Mapping[str, Any]) -> str:
    kind = "primary" if button.get("style") == "primary" else "plain"
    name = escape(str(button.get("action_id", "")))
    return f'<button type="button" class="{kind}" data-action="{name}">{_text(button["text"])}</button> '


def _text(text: Mapping[str, Any]) -> str:
    return mrkdwn(text["text"]) if text["type"] == "mrkdwn" else _plain(text["text"])
