// The noisiest: statistics by a label, sorted by what bothers most.

import { $, h, later, setText } from "./dom.js";
import { addMatcher, get, go, isLive, matching, range } from "./address.js";
import { ask, Latest } from "./api.js";
import { Trouble } from "./trouble.js";
import { count, span, stamp } from "./words.js";

const seconds = (n) => n === null || n === undefined ? "–" : span(n * 1000);
// What the API sorts by, its key in the answer, what it is called, and what that means.
const columns = [
  ["value", "value", "", ""],
  ["episodes", "episodes", "episodes", "firings"],
  ["receipts", "receipts", "receipts", "how often they were received, repeats and HA twins included"],
  ["alerts", "alerts", "alerts", "different label sets"],
  ["flaps", "flaps", "flaps", "how often one fired again"],
  ["open", "open", "open", "firing now"],
  ["unresolved", "unresolved", "unresolved", "fired again without a resolve"],
  ["mean", "meanSecondsToResolve", "mean", "mean time to resolve", seconds],
  ["p95", "p95SecondsToResolve", "p95", "19 of 20 were resolved within", seconds],
];
const questions = new Latest();
const trouble = new Trouble($("noisy-trouble"), "The statistics", load);

export function start() {
  const apply = () => go({ by: $("by").value.trim() });
  $("by-form").addEventListener("submit", (e) => { e.preventDefault(); apply(); });
  $("by").addEventListener("change", apply);
  $("by").addEventListener("input", later(100, suggest));
  $("by").addEventListener("focus", suggest);
}

async function suggest() {
  try {
    const { data } = await ask("labels", { prefix: $("by").value, limit: 50 });
    $("by-names").replaceChildren(...data.map((name) => h("option", { value: name })));
  } catch { /* it can be typed without */ }
}

export async function load() {
  const state = get(), params = { ...matching(), by: state.by, sort: state.sort, limit: 200 };
  if (state.at) params.at = state.at;
  else {
    const [from, to] = range();
    params.from = stamp(from);
    if (!isLive()) params.to = stamp(to);
  }
  if (document.activeElement !== $("by")) $("by").value = state.by;
  let answer;
  try {
    answer = await questions.ask("stats", params);
  } catch (err) {
    // It may be the label or the matchers that are wrong; the line says which.
    return trouble.show(err);
  }
  if (!answer) return;
  trouble.clear();
  render(answer, state);
}

export const refresh = () => { if (isLive()) load(); };

function render(answer, state) {
  setText($("summary"), answer.stats.length + (answer.stats.length === 200 ? "+" : "") + " values of " + answer.by);
  $("noisy-head").replaceChildren(h("tr", {}, ...columns.map(([sort, , title, meaning]) =>
    h("th" + (sort === "value" ? "" : ".number.of-" + sort), {
      scope: "col", "aria-sort": sort !== state.sort ? null : sort === "value" ? "ascending" : "descending", title: meaning,
    }, h("button.quiet", { type: "button", onclick: () => go({ sort }, { detail: true }) }, title || answer.by)))));
  const [, key] = columns.find(([sort]) => sort === state.sort) ?? columns[1];
  const weigh = key === "value" ? "episodes" : key;
  const largest = Math.max(1e-9, ...answer.stats.map((s) => s[weigh] ?? 0));
  $("noisy-body").replaceChildren(
    ...answer.stats.map((s) => row(s, answer.by, (s[weigh] ?? 0) / largest)),
    row({ ...answer.total, value: "all together" }, "", 0));
}

function row(s, by, share) {
  const bar = h("span.share", { "aria-hidden": "true" });
  bar.style.width = share * 100 + "%";
  const name = by ? h("button.link", { type: "button", title: "only these", onclick: () => addMatcher(by, s.value) }, s.value || "(none)")
    : h("b", {}, s.value);
  return h("tr" + (by ? "" : ".total"), {}, ...columns.map(([sort, key, , , format = count]) => sort === "value"
    ? h("th", { scope: "row" }, bar, name)
    : h("td.number.of-" + sort, {}, format(s[key]))));
}
