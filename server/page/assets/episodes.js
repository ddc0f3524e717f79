// The list of episodes. It may be very long: only the rows that can be seen are in
// the document, and pages are asked for as one scrolls towards them.

import { $, h, perFrame, setText } from "./dom.js";
import { get, go, isLive, matching, range } from "./address.js";
import { Latest } from "./api.js";
import { Trouble } from "./trouble.js";
import { clock, count, further, instant, pairs, precise, rank, shape, span, stamp } from "./words.js";
import { complain } from "./search.js";

const pageSize = 300;
const most = 50_000;   // what a browser holds without pain
const spare = 6;       // rows above and below what is seen

const list = $("list"), sizer = $("sizer");
const questions = new Latest();
const trouble = new Trouble($("episodes-trouble"), "The episodes", () => (rows.length && next ? more() : load()));

let rows = [], next = null, loading = false, selected = -1;
let from = 0, to = 1, now = 0;
let pool = [];         // the elements, used again and again
let resized = false;   // they are made anew with the next frame, and stay until then
let rowHeight = 44;

export function start() {
  list.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(() => { resized = true; draw(); }).observe(list);
  list.addEventListener("click", (e) => {
    const row = e.target.closest(".row");
    if (row) { select(Number(row.dataset.index)); open(); }
  });
  list.addEventListener("keydown", (e) => {
    const far = Math.max(1, Math.floor(list.clientHeight / rowHeight) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: far, PageUp: -far, Home: -rows.length, End: rows.length }[e.key];
    if (step) { e.preventDefault(); move(step); }
  });
  $("open").addEventListener("change", (e) => go({ open: e.target.checked ? "true" : "" }));
}

function question() {
  const state = get(), params = { ...matching(), limit: pageSize };
  if (state.at) params.at = state.at;
  else {
    params.from = stamp(from);
    if (!isLive()) params.to = stamp(to);
    if (state.open === "true") params.open = "true";
  }
  return params;
}

// load asks for the first page; quiet leaves what is shown until it is there.
export async function load({ quiet = false } = {}) {
  [from, to] = range();
  now = Date.now();
  if (!quiet) list.setAttribute("aria-busy", "true");
  loading = true;
  let answer;
  try {
    answer = await questions.ask("episodes", question());
  } catch (err) {
    loading = false;
    list.removeAttribute("aria-busy");
    if (err.status === 400) {
      complain(err);
      trouble.clear();
      show([], null);
      setText($("summary"), "");
      $("episodes-empty").hidden = true; // nobody knows what was firing
      return;
    }
    return trouble.show(err);
  }
  if (!answer) return;
  loading = false;
  list.removeAttribute("aria-busy");
  trouble.clear();
  const kept = rows[selected]?.id;
  show(answer.episodes, answer.next);
  selected = kept === undefined ? -1 : rows.findIndex((e) => e.id === kept);
  if (!quiet) list.scrollTop = 0;
  draw();
}

// refresh keeps a list up to date that ends in the present, unless somebody is
// further down in it: nothing may move under the eyes.
export function refresh() {
  if (isLive() && !loading && list.scrollTop < 4 && selected <= 0) load({ quiet: true });
}

function show(episodes, cursor) {
  rows = episodes;
  next = cursor;
  $("episodes-empty").hidden = rows.length > 0;
  announce();
  draw();
}

async function more() {
  if (loading || !next || rows.length >= most) return;
  loading = true;
  let answer;
  try {
    answer = await questions.ask("episodes", { ...question(), cursor: next });
  } catch (err) {
    loading = false;
    return trouble.show(err);
  }
  if (!answer) return;
  loading = false;
  trouble.clear();
  rows = rows.concat(answer.episodes);
  next = answer.next;
  announce();
  draw();
}

function announce() {
  const what = get().at ? "firing at " + clock(instant(get().at)) : "episodes";
  const number = rows.length >= most && next ? "the first " + most + ", narrow the search for the rest;" : rows.length + (next ? "+" : "");
  setText($("summary"), number + " " + (rows.length === 1 && !next && !get().at ? "episode" : what));
  list.setAttribute("aria-rowcount", next ? -1 : rows.length);
}

// ---- drawing

const draw = perFrame(() => {
  if (!list.clientHeight) return; // another view is shown
  if (resized) {
    pool.forEach((p) => p.element.remove());
    pool = [];
    resized = false;
  }
  if (!pool.length) pool.push(newRow());
  rowHeight = pool[0].element.offsetHeight || rowHeight;
  sizer.style.height = rows.length * rowHeight + "px";
  const first = Math.max(0, Math.floor(list.scrollTop / rowHeight) - spare);
  const last = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / rowHeight) + spare);
  while (pool.length < last - first) pool.push(newRow());
  drawAxis();
  // A row keeps its element while it can be seen: row i is in element i modulo
  // their number. So scrolling by one rewrites one.
  const used = new Set();
  for (let i = first; i < last; i++) {
    const slot = pool[i % pool.length];
    used.add(slot);
    fill(slot, i);
  }
  for (const slot of pool) slot.element.hidden = !used.has(slot);
  if (selected >= first && selected < last) list.setAttribute("aria-activedescendant", pool[selected % pool.length].element.id);
  else list.removeAttribute("aria-activedescendant");
  if (next && list.scrollTop + 2 * list.clientHeight > rows.length * rowHeight) more();
});

let made = 0;

function newRow() {
  const cell = (what, ...children) => h(what, { role: "gridcell" }, ...children);
  const p = { mark: h("span.mark"), name: h("b"), labels: h("span.muted"), bar: h("span.bar"), lasted: cell("span.lasted"), since: cell("span.since"), receipts: cell("span.receipts.muted") };
  p.markCell = cell("span.sev", p.mark);
  p.track = cell("span.track", p.bar);
  p.element = h("div.row", { role: "row", id: "row-" + made++ }, p.markCell, cell("span.what", p.name, " ", p.labels), p.track, p.lasted, p.since, p.receipts);
  sizer.append(p.element);
  return p;
}

function fill(p, i) {
  const e = rows[i], severity = e.labels.severity ?? "";
  const begin = Date.parse(e.startsAt), end = endOf(e);
  p.element.style.transform = "translateY(" + i * rowHeight + "px)";
  p.element.dataset.index = i;
  p.element.setAttribute("aria-rowindex", i + 1);
  p.element.setAttribute("aria-selected", i === selected);
  p.element.className = "row" + (e.open ? " open" : "") + (e.supersededAt ? " lost" : "");
  p.mark.className = "mark " + rank(severity);
  setText(p.mark, shape(severity));
  p.markCell.setAttribute("aria-label", severity || "no severity");
  p.markCell.title = severity || "no severity";
  setText(p.name, e.labels.alertname ?? "(no name)");
  setText(p.labels, further(e.labels));
  p.name.parentElement.title = pairs(e.labels).join("\n");
  const left = part(begin), right = part(end);
  p.bar.className = "bar " + rank(severity) + (e.open ? " open" : "") + (begin < from ? " earlier" : "");
  p.bar.style.left = left * 100 + "%";
  p.bar.style.width = Math.max(0, right - left) * 100 + "%";
  p.track.setAttribute("aria-label", e.open ? "firing" : e.supersededAt ? "fired again without a resolve" : "resolved");
  setText(p.lasted, begin > now ? "to come" : (e.supersededAt && !e.endsAt ? "≤ " : "") + span(end - begin) + (e.open ? " …" : ""));
  setText(p.since, clock(begin));
  p.since.title = precise(begin);
  setText(p.receipts, "×" + count(e.receipts));
}

const part = (ms) => Math.min(1, Math.max(0, (ms - from) / (to - from)));
const endOf = (e) => e.open ? Math.max(now, Date.parse(e.startsAt)) : Date.parse(e.endsAt ?? e.supersededAt ?? e.lastReceivedAt);

function drawAxis() {
  const at = instant(get().at);
  list.style.setProperty("--at", isNaN(at) ? "-10%" : part(at) * 100 + "%");
  const [a, b] = [clock(from, false), isLive() ? "now" : clock(to, false)];
  if ($("axis").dataset.text === a + b) return;
  $("axis").dataset.text = a + b;
  $("axis").replaceChildren(h("span", {}, a), h("span", {}, b));
}

// ---- selection

function select(i) {
  if (!rows.length) return;
  selected = Math.min(rows.length - 1, Math.max(0, i));
  const top = selected * rowHeight;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + rowHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + rowHeight - list.clientHeight;
  draw();
}

export const move = (step) => select(selected < 0 && step > 0 ? step - 1 : selected + step);

export function open() {
  if (rows[selected]) go({ alert: rows[selected].fingerprint });
}

// focus puts the keyboard back where it was before something was opened.
export const focus = () => list.focus({ preventScroll: true });
