// The storm: what came in per step and severity, as stacked bars. Dragging zooms, a
// click asks what was firing at that moment.

import { $, h, perFrame, setText } from "./dom.js";
import { get, go, isLive, matching, range, zoom } from "./address.js";
import { Latest } from "./api.js";
import { complain } from "./search.js";
import { Trouble } from "./trouble.js";
import { bySeverity, clock, count, date, instant, rank, shape, span, stamp, zone } from "./words.js";

const plot = $("plot"), canvas = $("canvas"), brush = $("brush"), tip = $("tip"), moment = $("moment");
const questions = new Latest();
const trouble = new Trouble($("storm-trouble"), "The timeline", load);
const margin = { left: 44, right: 8, top: 10, bottom: 20 };

let from = 0, to = 1, step = 60e3, series = [], totals = new Map(), highest = 0;

export function start() {
  new ResizeObserver(draw).observe(plot);
  addEventListener("themechange", draw);
  plot.addEventListener("pointerdown", onDown);
  plot.addEventListener("pointermove", onHover);
  plot.addEventListener("pointerleave", () => { tip.hidden = true; });
  plot.addEventListener("keydown", onKey);
  $("zoom-out").addEventListener("click", () => scale(3));
}

export async function load() {
  const [wantFrom, wantTo] = range();
  const params = { ...matching(), from: stamp(wantFrom) };
  delete params.status; // what comes in is counted whatever it says
  if (!isLive()) params.to = stamp(wantTo);
  let answer;
  try {
    answer = await questions.ask("received", params);
  } catch (err) {
    if (err.status !== 400) return trouble.show(err);
    complain(err);
    return trouble.clear();
  }
  if (!answer) return;
  trouble.clear();
  [from, to, step] = [wantFrom, wantTo, answer.step * 1000];
  // Series are drawn from the ground up: the worst stands on it, where its height
  // can be compared.
  series = answer.series.slice().sort((a, b) => bySeverity(a.severity, b.severity));
  totals = new Map();
  for (const { points } of series) {
    for (const [at, n] of points) totals.set(at * 1000, (totals.get(at * 1000) ?? 0) + n);
  }
  highest = 0;
  for (const n of totals.values()) highest = Math.max(highest, n); // not by spreading: there may be many
  describe(answer.counts);
  draw();
}

function describe(counts) {
  setText($("storm-title"), counts === "received" ? "Received" : "Episodes that began");
  setText($("storm-what"), "per " + span(step) + ", " + clock(from) + " to " + (isLive() ? "now" : clock(to)) + ", " + zone(to));
  $("legend").replaceChildren(...series.map((s) => h("span.key", {},
    h("span.mark." + rank(s.severity), { "aria-hidden": "true" }, shape(s.severity)),
    (s.severity || "no severity") + " ", h("b", {}, count(s.points.reduce((sum, [, n]) => sum + n, 0))))));
  plot.setAttribute("aria-label", "Timeline: " + (series.length ? series.map((s) =>
    (s.severity || "no severity") + " " + s.points.reduce((sum, [, n]) => sum + n, 0)).join(", ") : "nothing came in"));
  $("storm-empty").hidden = totals.size > 0;
}

// ---- drawing

const width = () => plot.clientWidth - margin.left - margin.right;
const x = (ms) => margin.left + (ms - from) / (to - from) * width();
const ms = (px) => from + Math.min(1, Math.max(0, (px - margin.left) / width())) * (to - from);

const draw = perFrame(() => {
  const ratio = devicePixelRatio || 1, w = plot.clientWidth, height = plot.clientHeight;
  if (!w || !height) return;
  canvas.width = Math.round(w * ratio);
  canvas.height = Math.round(height * ratio);
  const c = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue("--" + name).trim();
  c.scale(ratio, ratio);
  c.font = "11px " + getComputedStyle(document.body).fontFamily;
  const ground = height - margin.bottom, top = niceTop(highest), y = (n) => ground - n / top * (ground - margin.top);

  c.strokeStyle = color("line");
  c.fillStyle = color("muted");
  c.textAlign = "right";
  c.textBaseline = "middle";
  for (const n of top > 1 ? [0, top / 2, top] : [0, 1]) {
    c.beginPath();
    c.moveTo(margin.left, Math.round(y(n)) + 0.5);
    c.lineTo(w - margin.right, Math.round(y(n)) + 0.5);
    c.stroke();
    c.fillText(count(n), margin.left - 6, y(n));
  }
  c.textAlign = "center";
  c.textBaseline = "top";
  const every = tickStep((to - from) / (width() / 90));
  const zone = new Date(from).getTimezoneOffset() * 60e3;
  for (let t = Math.ceil((from - zone) / every) * every + zone; t <= to; t += every) {
    if (x(t) < margin.left + 14 || x(t) > w - 24) continue;
    c.fillText(every >= 864e5 ? date(t) : clock(t, every < 60e3).slice(-8), x(t), ground + 5);
  }

  c.save();
  c.beginPath();
  c.rect(margin.left, 0, width(), ground + 1);
  c.clip();
  const bar = Math.max(1, width() * step / (to - from)), gap = bar > 4 ? 1 : 0;
  const below = new Map();
  for (const s of series) {
    c.fillStyle = color(rank(s.severity));
    for (const [seconds, n] of s.points) {
      const at = seconds * 1000, already = below.get(at) ?? 0;
      // A single alert among thousands is still to be seen.
      const bottom = y(already), tall = Math.max(bottom - y(already + n), 1.5);
      c.fillRect(x(at), bottom - tall, Math.max(bar - gap, 1), tall);
      below.set(at, already + n);
    }
  }
  c.restore();

  const at = instant(get().at);
  moment.hidden = isNaN(at) || at < from || at > to;
  if (!moment.hidden) moment.style.left = x(at) + "px";
});

// niceTop is the least of 1, 2, 4, 5 and 10 times a power of ten that holds n.
function niceTop(n) {
  const power = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
  return [1, 2, 4, 5, 10].map((m) => m * power).find((t) => t >= n);
}

function tickStep(least) {
  const steps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 2 * 86400, 7 * 86400, 30 * 86400].map((s) => s * 1e3);
  return steps.find((s) => s >= least) ?? 365 * 864e5;
}

// ---- pointer and keys

function onHover(e) {
  if (!brush.hidden || !series.length) return;
  const at = Math.floor(ms(px(e)) / step) * step;
  const lines = series.map((s) => [s, s.points.find(([seconds]) => seconds * 1000 === at)?.[1] ?? 0]).filter(([, n]) => n);
  tip.replaceChildren(h("b", {}, clock(at)), ...lines.reverse().map(([s, n]) =>
    h("span", {}, h("span.mark." + rank(s.severity), {}, shape(s.severity)), (s.severity || "no severity") + " " + n)));
  tip.hidden = false;
  const left = px(e) + 14;
  tip.style.left = Math.min(left, plot.clientWidth - tip.offsetWidth - 4) + "px";
}

const px = (e) => e.clientX - plot.getBoundingClientRect().left;

function onDown(e) {
  if (e.button !== 0) return;
  e.preventDefault();
  plot.focus({ preventScroll: true });
  const begin = px(e);
  let end = begin;
  tip.hidden = true;
  const done = new AbortController();
  const listen = (name, f) => addEventListener(name, f, { signal: done.signal });
  const finish = () => { done.abort(); brush.hidden = true; };
  // On the window: a drag may leave the plot, and even the window.
  listen("pointermove", (move) => {
    end = px(move);
    const [a, b] = [begin, end].map((p) => Math.min(plot.clientWidth - margin.right, Math.max(margin.left, p))).sort((m, n) => m - n);
    brush.hidden = b - a < 4;
    brush.style.left = a + "px";
    brush.style.width = b - a + "px";
  });
  listen("pointercancel", finish);
  listen("keydown", (key) => { if (key.key === "Escape") { key.stopPropagation(); finish(); } });
  listen("pointerup", () => {
    finish();
    const [a, b] = [ms(Math.min(begin, end)), ms(Math.max(begin, end))];
    if (Math.abs(end - begin) >= 4) zoom(a, b);
    else if (a < Date.now()) go({ at: stamp(Math.floor(a / 1000) * 1000), ...pinned() });
  });
}

// pinned keeps the window where it is while one looks at moments in it.
const pinned = () => ({ from: stamp(Math.floor(from / 1000) * 1000), to: stamp(Math.ceil(to / 1000) * 1000), view: "episodes" });

function scale(factor) {
  const half = (to - from) * factor / 2, middle = (from + to) / 2;
  const latest = Date.now();
  const end = Math.min(middle + half, latest);
  zoom(end - 2 * half, end);
}

export const zoomBy = scale;

function onKey(e) {
  const quarter = (to - from) / 4;
  if (e.key === "ArrowLeft") zoom(from - quarter, to - quarter);
  else if (e.key === "ArrowRight") zoom(from + quarter, to + quarter);
  else return;
  e.preventDefault();
}
