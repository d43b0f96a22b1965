// The pages of a run: the panel of an activity, following the log, and a retry that is asked for once.
(() => {
  "use strict";

  const panel = document.getElementById("panel");
  if (panel) {
    // Links of what has a page of its own show it in the panel; pressed with a key held they open it where the key says.
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-panel]");
      if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      const address = new URL(link.href);
      address.searchParams.set("part", "panel");
      htmx.ajax("GET", address.pathname + address.search, { target: panel, swap: "innerHTML" });
    });
    document.body.addEventListener("htmx:afterSwap", (event) => {
      if (event.detail.target !== panel || !panel.firstElementChild) return;
      // Once open, only what was opened anew takes the focus and begins at its top.
      if (!panel.open) panel.showModal();
      panel.scrollTop = 0;
      panel.querySelector("[data-focus]")?.focus();
    });
    // A press beside the panel closes it.
    panel.addEventListener("click", (event) => {
      if (event.target === panel) panel.close();
    });
    panel.addEventListener("close", () => panel.replaceChildren());
  }

  const follow = document.getElementById("follow");
  if (follow) {
    const last = () => document.querySelector("#log .further")?.scrollIntoView({ block: "nearest" });
    document.body.addEventListener("htmx:beforeRequest", (event) => {
      if (event.target.matches("tr.further") && !follow.checked) event.preventDefault();
    });
    document.body.addEventListener("htmx:afterSettle", () => {
      if (follow.checked) last();
    });
  }

  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.target.id !== "retry" || !button || button.value !== "retry") return;
    // The form's key makes two presses one run; that the button sleeps only shows it.
    setTimeout(() => { button.disabled = true; }, 0);
  });
})();
