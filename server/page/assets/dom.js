// How elements are made. Whatever comes out of an alert is a text node or the
// value of an attribute that cannot run anything: no markup is ever parsed, and
// the Content-Security-Policy of the document would refuse it if it were.

// h makes an element: h("span.muted", {title: "…"}, "text", child, …). Properties
// whose name begins with "on" are listeners; null and false are left out.
export function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined && c !== false).map((c) => typeof c === "string" ? shown(c) : c));
  return element;
}

// shown is text as it is to be read: a sender may turn the order of letters about,
// and hide by it what stands there, so such a character is shown as its number.
const shown = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (c) => "\\u" + c.charCodeAt().toString(16));

export const $ = (id) => document.getElementById(id);

// link makes a link of a URL that an alert brought, or only its text where it is
// not http or https: javascript: and the like are never followed.
export function link(url, text = url) {
  let parsed = null;
  try { parsed = new URL(url); } catch { /* no URL, so it stays text */ }
  if (!parsed || !/^https?:$/.test(parsed.protocol)) return h("span", {}, text);
  return h("a", { href: parsed.href, target: "_blank", rel: "noopener noreferrer" }, text);
}

// setText spares the browser a layout where nothing has changed.
export function setText(element, text) {
  text = shown(text);
  if (element.textContent !== text) element.textContent = text;
}

// copy puts text on the clipboard and tells whether it could. Without TLS there is
// only the old way.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* not here */ }
  const field = h("textarea.hidden", { readonly: true });
  document.body.append(field);
  field.value = text;
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

// later returns a function that runs f once, ms after the last call.
export function later(ms, f) {
  let timer;
  return (...args) => { clearTimeout(timer); timer = setTimeout(f, ms, ...args); };
}

// perFrame returns a function that runs f at most once a frame.
export function perFrame(f) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; f(); });
  };
}
