"""Debian's Chromium, driven by Playwright: what a person sees, clicks and types, and what the browser complains of."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

from console_house import House
from headrace.core.client import Role
from headrace.web.sessions import COOKIE

INSTALL = "these tests need Chromium: apt-get install chromium (and `uv pip install playwright`; its own browsers are not needed)"
_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_LISTEN = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`policy: ${event.violatedDirective} refuses ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))
"""
_ABORTED = re.compile(r"htmx:(sendAbort|afterRequest), ")
"""htmx says so when one goes to another page while it still asks; what goes wrong otherwise is told of a second time."""
# What a person with weak eyes, a keyboard or a screen reader would stumble over; our own checks, since nothing is downloaded.
_LOOK = r"""
() => {
  const found = [];
  const where = (element) => {
    const text = (element.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 40);
    return `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') || ''}"> ${text}`;
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;
  const hidden = (element) => element.closest('.unseen, [aria-hidden=true], dialog:not([open]), [disabled], option');
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = ([r, g, b]) => {
    const part = (value) => ((value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    const paper = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
    return layers.reverse().reduce((below, layer) => over(layer, below), paper);
  };
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim());
    if (!text || element.closest('svg') || hidden(element) || !seen(element)) continue;
    const style = getComputedStyle(element);
    const back = ground(element);
    const ink = over(rgba(style.color), back);
    const [high, low] = [light(ink), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)}: ${where(element)}`);
  }
  for (const element of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    const told = element.labels?.length || element.ariaLabel || element.getAttribute('aria-labelledby');
    if (!told) found.push(`no label: ${where(element)} ${element.name}`);
  }
  for (const element of document.querySelectorAll('a[href], button')) {
    const name = element.ariaLabel || element.textContent.trim() || element.title;
    if (!name) found.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  }
  for (const element of document.querySelectorAll('table')) {
    if (!element.querySelector('th[scope]')) found.push(`a table without headings: ${where(element)}`);
  }
  for (const element of document.querySelectorAll('svg')) {
    const told = element.getAttribute('aria-hidden') === 'true' || element.getAttribute('aria-label') || element.getAttribute('aria-labelledby');
    if (!told) found.push(`a picture without words: ${element.outerHTML.slice(0, 120)}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) found.push(`twice the id ${id}`);
  for (const name of ['main', 'h1']) {
    if (document.querySelectorAll(name).length !== 1) found.push(`${document.querySelectorAll(name).length} times <${name}>`);
  }
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) found.push(`${wide} pixels wide in a window of ${innerWidth}`);
  return found;
}
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser. Where there is none, the test fails and says what to install."""
    program = shutil.which("chromium")
    assert program is not None, INSTALL
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A window on a console. ``complaints``: what the browser said was wrong; a test that leaves some fails."""

    base: str
    page: Page
    house: House | None = None
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page."""
        self.page.goto(self.base + path)

    def log_in(self, role: Role) -> None:
        """Get a session, without the form."""
        assert self.house is not None, "whoever comes to a server by its address alone logs in by the form"
        value = self.house.visitor(role).client.cookies[COOKIE]
        self.page.context.add_cookies([{"name": COOKIE, "value": value, "url": self.base, "httpOnly": True}])

    def look(self) -> list[str]:
        """Return what people would stumble over on this page: contrast, labels, names, headings, width."""
        found: list[str] = self.page.evaluate(_LOOK)
        return found

    def forgive(self, pattern: str) -> None:
        """Take complaints back that are expected, such as the status of a page that is refused."""
        self.complaints[:] = [one for one in self.complaints if not re.search(pattern, one)]


@contextmanager
def tab(
    browser: Browser, house: House | str, *, width: int = 1280, dark: bool = False, script: bool = True
) -> Iterator[Tab]:
    """Open a window of its own on a console, or on a server's address, without cookies; at the end nothing may have been complained of."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    context.set_default_timeout(10_000)
    context.add_init_script(_LISTEN)
    base, known = (house, None) if isinstance(house, str) else (house.base, house)
    opened = Tab(base, context.new_page(), known)
    opened.page.on("console", lambda message: _hear(opened, message))
    opened.page.on("pageerror", lambda error: opened.complaints.append(f"script: {error}"))
    opened.page.on("response", lambda response: _judge(opened, response))
    try:
        yield opened
    finally:
        context.close()
    assert opened.complaints == []


def _hear(opened: Tab, message: ConsoleMessage) -> None:
    if message.type in {"error", "warning"} and not _ABORTED.match(message.text):
        opened.complaints.append(f"{message.type}: {message.text}")


def _judge(opened: Tab, response: Response) -> None:
    if not response.url.startswith(opened.base):
        opened.complaints.append(f"elsewhere: {response.url}")
