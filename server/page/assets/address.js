// The address is the state: what is shown follows from it, and nothing else, so a
// link reproduces the view, and back and forward work.

import { instant, stamp } from "./words.js";

const names = ["q", "source", "receiver", "status", "open", "from", "to", "at", "view", "by", "sort", "alert"];
const defaults = { from: "1h", view: "episodes", by: "alertname", sort: "episodes" };
export const views = ["episodes", "noisy", "gaps", "live"];

let state = read();
const listeners = [];

function read() {
  const params = new URLSearchParams(location.search);
  const found = {};
  for (const name of names) found[name] = params.get(name) ?? defaults[name] ?? "";
  if (!views.includes(found.view)) found.view = defaults.view;
  return found;
}

// get returns the state. It is not to be written to: use go.
export const get = () => state;

// onChange has f called with the state and the one before it.
export function onChange(f) { listeners.push(f); }

function announce(before) {
  for (const f of listeners) f(state, before);
}

// address returns the link to the state with changes.
export function address(changes = {}) {
  const next = { ...state, ...changes };
  const params = new URLSearchParams();
  for (const name of names) {
    if (next[name] && next[name] !== defaults[name]) params.set(name, next[name]);
  }
  const query = params.toString();
  return location.pathname + (query ? "?" + query : "");
}

// go changes the state: a step for the back button, unless it is only a detail.
export function go(changes, { detail = false } = {}) {
  const to = address(changes);
  if (to === location.pathname + location.search) return;
  history[detail ? "replaceState" : "pushState"](null, "", to);
  const before = state;
  state = read();
  announce(before);
}

addEventListener("popstate", () => {
  const before = state;
  state = read();
  announce(before);
});

// isLive says that what is shown goes on to the present.
export const isLive = () => !state.at && !state.to;

// range returns [from, to] in milliseconds. Around a moment it is a window that
// shows what led to it.
export function range(now = Date.now()) {
  const at = instant(state.at, now);
  const explicit = new URLSearchParams(location.search).has("from");
  if (!isNaN(at) && !explicit) return [at - 30 * 60e3, Math.min(at + 30 * 60e3, Math.max(now, at + 60e3))];
  const to = state.to ? instant(state.to, now) : now;
  const from = instant(state.from, now);
  if (isNaN(from) || isNaN(to) || from >= to) return [now - 3600e3, now];
  return [from, to];
}

// zoom shows [from, to], in whole seconds.
export function zoom(from, to) {
  from = Math.floor(from / 1000) * 1000;
  to = Math.max(Math.ceil(to / 1000) * 1000, from + 1000);
  go({ from: stamp(from), to: to >= Date.now() ? "" : stamp(to), at: "" });
}

export const present = () => go({ from: "", to: "", at: "" });

// matching returns the parameters that say which alerts are meant, for any part of
// the API. What is typed is one filter in braces: it may hold many matchers.
export function matching() {
  const params = {};
  const q = state.q.trim();
  if (q) params.filter = q.startsWith("{") ? q : "{" + q + "}";
  for (const name of ["source", "receiver", "status"]) if (state[name]) params[name] = state[name];
  return params;
}

// addMatcher narrows the search to alerts with (or without) this label.
export function addMatcher(name, value, operator = "=") {
  const matcher = quoteName(name) + operator + quote(value);
  let q = state.q.trim().replace(/^\{(.*)\}$/s, "$1").replace(/,\s*$/, "");
  if (q.includes(matcher)) return;
  go({ q: q ? q + ", " + matcher : matcher });
}

// matchers writes the labels of an alert as one line that finds it, here and with
// Alertmanager's tools.
export const matchers = (set) => "{" + Object.entries(set).map(([name, value]) => quoteName(name) + "=" + quote(value)).join(", ") + "}";

// quote writes a string as matchers do, with Go's escapes.
export function quote(text) {
  return '"' + text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n").replace(/\r/g, "\\r").replace(/\t/g, "\\t") + '"';
}

export const quoteName = (name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quote(name);
