// From text to nodes: a template whose values are escaped, and a painter that changes only what differs, so that
// focus, scrolling and what was folded open outlive what is new.

const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

class Markup {
  constructor(text) {
    this.text = text;
  }
}

function shown(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(shown).join("");
  if (value === null || value === undefined || value === false || value === true) return "";
  return String(value).replace(/[&<>"']/g, (sign) => entities[sign]);
}

/** Markup with its values escaped; markup and lists of it may be values. */
function html(texts, ...values) {
  return new Markup(texts.reduce((whole, text, at) => whole + shown(values[at - 1]) + text));
}

/** Makes `target` hold `markup`. What has a `data-key` is recognized wherever it stands; an island keeps its inside. */
function paint(target, markup) {
  const template = document.createElement("template");
  template.innerHTML = markup.text;
  become(target, template.content);
}

function become(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let at = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const key = node.dataset?.key;
    const match = key ? keyed.get(key) : at && !at.dataset?.key ? at : null;
    if (match && match.nodeName === node.nodeName) {
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      patch(match, node);
    } else {
      old.insertBefore(node, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function patch(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  const island = old.dataset.island !== undefined;
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !(name === "open" && old.dataset.touched)) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    const own = name === "open" || name === "data-touched" || island;
    if (!own && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  if (!island) become(old, fresh);
  if (old.nodeName === "SELECT" && old.dataset.value !== undefined) old.value = old.dataset.value;
}

/** What a click on `data-do="name"` does. */
const actions = {};

document.addEventListener("click", (event) => {
  const doer = event.target.closest("[data-do]");
  if (doer && doer.nodeName !== "SELECT") actions[doer.dataset.do]?.(doer, event);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-do]")) actions[event.target.dataset.do]?.(event.target, event);
});
document.addEventListener("input", (event) => {
  if (event.target.matches("input[data-do]")) actions[event.target.dataset.do]?.(event.target, event);
});
// A fold that a person has moved stays as they left it.
document.addEventListener("click", (event) => {
  const summary = event.target.closest("summary");
  if (summary) summary.parentElement.dataset.touched = "";
});

/** Says something to who listens instead of looking. */
function say(text) {
  const place = document.getElementById("said");
  if (place.textContent !== text) place.textContent = text;
}

/** Runs `work` once, shortly after the last of many calls. */
function soon(work, milliseconds) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

/** Runs `work` after `milliseconds`, once for all calls until then: what never stops coming is still shown. */
function atMost(work, milliseconds) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      work();
    }, milliseconds);
  };
}

/** A colour of the theme, as the style sheet has it; kept until the theme is another, as charts ask for every point. */
const palette = new Map();
function colour(name) {
  if (!palette.has(name)) palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return palette.get(name);
}

const clamp = (value, least, greatest) => Math.min(greatest, Math.max(least, value));

/** Whether there is a number. */
const is = (value) => typeof value === "number" && Number.isFinite(value);
