// The swap style `morph`: new HTML is laid over the old, node by node, so that whoever reads or types keeps their place: focus, scroll,
// selected text, opened <details>, what stands in inputs. Elements are paired by `id` or `data-key`, else by their place.
// `data-keep` on an element: it is left as it is.
(() => {
  "use strict";

  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "");

  const isAlike = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);

  // What people do to elements is no attribute of the server's.
  const isTheirs = (element, name) =>
    (name === "open" && (element.nodeName === "DETAILS" || element.nodeName === "DIALOG")) ||
    (["value", "checked", "selected"].includes(name) && "form" in element);

  function attributes(old, fresh) {
    for (const { name, value } of [...fresh.attributes]) {
      if (!isTheirs(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!isTheirs(old, name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
  }

  function children(old, fresh) {
    const wanted = new Set([...fresh.childNodes].map(keyOf).filter(Boolean));
    const kept = new Map();
    for (const child of [...old.childNodes]) {
      const key = keyOf(child);
      if (!key) continue;
      if (wanted.has(key) && !kept.has(key)) kept.set(key, child);
      else child.remove();
    }
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const key = keyOf(child);
      let match = key ? kept.get(key) : at && isAlike(at, child) ? at : null;
      if (match && match.nodeName !== child.nodeName) match = null;
      if (!match) {
        old.insertBefore(document.importNode(child, true), at);
        continue;
      }
      if (match !== at) old.insertBefore(match, at);
      node(match, child);
      at = match.nextSibling;
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  function node(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.hasAttribute("data-keep") || old.isEqualNode(fresh)) return;
    attributes(old, fresh);
    if (old.nodeName !== "TEXTAREA" && old.nodeName !== "SELECT") children(old, fresh);
  }

  htmx.defineExtension("morph", {
    isInlineSwap: (style) => style === "morph",
    handleSwap: (style, target, fragment) => {
      if (style !== "morph") return false;
      const fresh = fragment.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? fragment.firstElementChild : fragment;
      if (!fresh || fresh.nodeName !== target.nodeName) return false;
      node(target, fresh);
      return [target];
    },
  });
})();
