// What the console does beyond links and forms: keys, selections, copying, times that go on, and streams that rest while nobody looks.
// Every page works without it.
(() => {
  "use strict";

  const root = document.documentElement;
  root.classList.add("js");

  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Durations and distances, in the words of wording.py.
  const UNITS = [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]];
  const THIN = "\u202f";

  function duration(seconds) {
    for (const [name, length, smaller, below] of UNITS) {
      if (seconds < length) continue;
      const rest = Math.floor((seconds % length) / below);
      return `${Math.floor(seconds / length)}${THIN}${name}${rest ? ` ${rest}${THIN}${smaller}` : ""}`;
    }
    return `${Math.floor(seconds)}${THIN}s`;
  }

  function distance(instant) {
    const seconds = (Date.now() - instant) / 1000;
    const length = Math.abs(seconds);
    if (length < 5) return "just now";
    const [name, unit] = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]].find(([, size]) => length >= size);
    const words = `${Math.floor(length / unit)}${THIN}${name}`;
    return seconds < 0 ? `in ${words}` : `${words} ago`;
  }

  function tick() {
    if (document.hidden) return;
    for (const element of all(".ticking[data-since]")) {
      const seconds = (Date.now() - Date.parse(element.dataset.since)) / 1000;
      if (seconds >= 10) element.textContent = duration(seconds);
    }
    for (const element of all("time.ago")) element.textContent = distance(Date.parse(element.dateTime));
  }

  function tellDistance(event) {
    const time = event.target.closest?.("time[datetime]");
    if (!time) return;
    time.dataset.full ??= time.title;
    time.title = `${time.dataset.full} (${distance(Date.parse(time.dateTime))})`;
  }

  // Selections
  function recount() {
    const boxes = all("input[name=run][type=checkbox]");
    const picked = boxes.filter((box) => box.checked).length;
    const words = one("[data-picked]");
    if (words) words.textContent = picked ? `${picked} selected` : "none selected";
    for (const button of all(".bulk button")) button.disabled = !picked;
    const every = one("[data-pick-all]");
    if (!every) return;
    every.checked = picked > 0 && picked === boxes.length;
    every.indeterminate = picked > 0 && picked < boxes.length;
  }

  function changed(event) {
    const target = event.target;
    if (target.matches("[data-pick-all]")) {
      for (const box of all("input[name=run][type=checkbox]")) box.checked = target.checked;
    }
    if (target.matches("[data-submits]")) target.form.requestSubmit();
    recount();
  }

  // Copying; where the page is not served over TLS, browsers have the old way only.
  async function copy(button) {
    try {
      if (navigator.clipboard) await navigator.clipboard.writeText(button.dataset.copy);
      else oldCopy(button.dataset.copy);
      say(button, "Copied");
    } catch {
      say(button, "Not copied");
    }
  }

  function oldCopy(text) {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  function say(button, words) {
    const label = one("span", button) ?? button;
    label.dataset.before ??= label.textContent;
    label.textContent = words;
    setTimeout(() => (label.textContent = label.dataset.before), 1600);
  }

  // Keys
  const PAGES = { r: "/runs", q: "/rejects", f: "/flows", s: "/schedules", c: "/connections", h: "/webhooks", w: "/workers", a: "/audit" };
  let going = false;

  const isTyping = (target) => target.matches?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  const rows = () => all("[data-rows] > tbody > tr").filter((row) => one("a", row));

  function step(by) {
    const found = rows();
    const at = found.indexOf(document.activeElement.closest("tr"));
    const next = found[at < 0 ? (by > 0 ? 0 : found.length - 1) : Math.min(found.length - 1, Math.max(0, at + by))];
    if (!next) return;
    (one("a.name", next) ?? one("a", next)).focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function pick() {
    const box = document.activeElement.closest("tr")?.querySelector("input[type=checkbox]");
    if (box) box.click();
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && event.target.matches?.("[data-search]")) return event.target.blur();
    if (isTyping(event.target) || one("dialog[open]")) return;
    if (going) {
      going = false;
      if (PAGES[event.key]) location.href = PAGES[event.key];
      return;
    }
    const act = {
      "/": () => one("[data-search]")?.focus(),
      j: () => step(1),
      k: () => step(-1),
      x: pick,
      g: () => {
        going = true;
        setTimeout(() => (going = false), 1500);
      },
      "?": () => one("#keys")?.showModal(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  // Streams: browsers have six connections to a host, for all tabs together. So a tab that nobody looks at gives its own back.
  const REST_AFTER_MS = 15000;
  const streams = new Set();

  class RestingSource {
    constructor(url) {
      this.url = url;
      this.listeners = [];
      this.onopen = this.onerror = null;
      streams.add(this);
      this.open();
    }
    get readyState() {
      return this.source ? this.source.readyState : EventSource.CONNECTING;
    }
    open() {
      this.source = new EventSource(this.url);
      this.source.onopen = (event) => this.onopen?.(event);
      this.source.onerror = (event) => this.onerror?.(event);
      for (const [name, listener] of this.listeners) this.source.addEventListener(name, listener);
    }
    addEventListener(name, listener) {
      this.listeners.push([name, listener]);
      this.source?.addEventListener(name, listener);
    }
    removeEventListener(name, listener) {
      this.listeners = this.listeners.filter(([known, its]) => known !== name || its !== listener);
      this.source?.removeEventListener(name, listener);
    }
    rest() {
      this.source?.close();
      this.source = null;
    }
    close() {
      this.rest();
      streams.delete(this);
    }
  }

  let resting = 0;
  function looked() {
    clearTimeout(resting);
    if (document.hidden) resting = setTimeout(() => streams.forEach((stream) => stream.rest()), REST_AFTER_MS);
    else streams.forEach((stream) => stream.source || stream.open());
    tick();
  }

  // What goes wrong on the way is told in words; it is gone with the next thing that goes well.
  function notReached() {
    const notice = one("#notice");
    if (notice) notice.innerHTML = '<div class="notice bad" role="alert"><p>The server cannot be reached. What is shown here may be old.</p></div>';
  }

  function wentWell(event) {
    const notice = one("#notice");
    if (notice && event.detail.successful && event.detail.target !== notice) notice.replaceChildren();
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (window.htmx) htmx.createEventSource = (url) => new RestingSource(url);
    document.addEventListener("change", changed);
    document.addEventListener("keydown", pressed);
    document.addEventListener("pointerover", tellDistance);
    document.addEventListener("visibilitychange", looked);
    document.addEventListener("htmx:sendError", notReached);
    document.addEventListener("htmx:afterRequest", wentWell);
    document.addEventListener("htmx:afterSettle", recount);
    document.addEventListener("click", (event) => {
      const button = event.target.closest?.("[data-copy]");
      if (button) copy(button);
    });
    recount();
    setInterval(tick, 1000);
  });
  // A page that comes back out of the browser's memory may be old.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
})();
