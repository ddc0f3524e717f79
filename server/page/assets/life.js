// One alert's life: which it is, its episodes, and its story.

import { $, copy, h, link, setText } from "./dom.js";
import { addMatcher, go, matchers } from "./address.js";
import { ApiError, Latest } from "./api.js";
import { Trouble } from "./trouble.js";
import { clock, precise, rank, shape, span } from "./words.js";
import { again, ofEvent, ofRecorded, tell } from "./story.js";

const panel = $("life");
const line = h("p.trouble", { role: "alert", hidden: true });
const body = h("div.body");
const trouble = new Trouble(line, "This alert", load);
const questions = { episodes: new Latest(), events: new Latest(), timeline: new Latest() };
const most = { episodes: 50, events: 300, timeline: 300 };
const titles = { episodes: "its episodes", events: "what was received", timeline: "what the event recorder said" };
let shown = "", known = {};  // known: the last answer of each part
let drawn = "";              // what of it is on the page

export function start() {
  panel.append(h("button.quiet.close", { type: "button", "aria-label": "Close", title: "Close (esc)", onclick: close }, "✕"), line, body);
}

export const close = () => go({ alert: "" });

// show follows the address.
export function show({ alert }) {
  panel.hidden = !alert;
  document.body.classList.toggle("opened", Boolean(alert));
  if (alert === shown) return;
  shown = alert;
  known = {};
  drawn = "";
  Object.values(questions).forEach((q) => q.stop());
  trouble.clear();
  body.replaceChildren(h("p.muted", {}, "Loading …"));
  if (alert) {
    load();
    panel.focus({ preventScroll: true });
  }
}

export const refresh = () => { if (shown && panel.scrollTop < 4) load(); };

async function load() {
  const fingerprint = shown;
  let failed = null, stale = false;
  await Promise.all(Object.keys(questions).map(async (part) => {
    try {
      const answer = await questions[part].ask(part, { fingerprint, limit: most[part] });
      if (!answer || fingerprint !== shown) stale = true;
      else known[part] = answer;
    } catch (err) {
      failed = new ApiError(titles[part] + ": " + err.message, err.status);
    }
  }));
  if (stale || fingerprint !== shown) return;
  // One part that cannot be had does not hide the others.
  const { episodes = { episodes: [] }, events = { events: [] }, timeline = { timeline: [] } } = known;
  const now = JSON.stringify(known);
  // Drawn again only for what is new: somebody may be reading, copying, or on a button.
  if (now !== drawn && (!failed || episodes.episodes.length || events.events.length)) {
    render(fingerprint, episodes.episodes, events, timeline);
    drawn = now;
  }
  if (failed) trouble.show(failed);
  else trouble.clear();
}

function render(fingerprint, episodes, events, timeline) {
  const latest = episodes[0] ?? events.events[0];
  if (!latest) {
    body.replaceChildren(h("h2", { id: "life-title" }, "Unknown alert"), h("p.muted", {}, "Nothing with the fingerprint " + fingerprint + " has come."));
    return;
  }
  const lines = tell([...events.events.map(ofEvent), ...timeline.timeline.map(ofRecorded)]);
  const severity = latest.labels.severity ?? "", current = episodes.some((e) => e.open);
  body.replaceChildren(
    h("h2", { id: "life-title" }, h("span.mark." + rank(severity), { title: severity || "no severity" }, shape(severity)), latest.labels.alertname ?? "(no name)"),
    h("p", {}, h("span.badge." + (current ? "firing" : "resolved"), {}, current ? "firing" : "not firing"), " ",
      h("span.muted", {}, episodes.length + (episodes.length === most.episodes ? "+" : "") + (episodes.length === 1 ? " episode" : " episodes") + "; fingerprint "), h("code", {}, fingerprint)),
    labels(latest.labels), annotations(latest), lanes(episodes, events.events, timeline.timeline),
    h("h3", {}, "Story"),
    h("ol.story", {}, ...lines.map(moment)),
    h("p.muted", {}, events.next || timeline.next ? "Older is left out here; " : "", events.next
      ? link(new URL("api/v1/events?format=ndjson&fingerprint=" + fingerprint, document.baseURI).href, "all its events") : ""));
}

function labels(set) {
  const button = h("button.link", { type: "button", title: "to search, to silence", onclick: async () => {
    setText(button, await copy(matchers(set)) ? "Copied" : "The browser does not let us copy");
    button.focus({ preventScroll: true });
  } }, "Copy as matchers");
  return h("div", {}, h("ul.labels", { "aria-label": "Labels" }, ...Object.entries(set).map(([name, value]) =>
    h("li", {}, h("button", { type: "button", title: "search for this", onclick: () => addMatcher(name, value) },
      h("span.muted", {}, name), " ", value)))), button);
}

function annotations(a) {
  const entries = Object.entries(a.annotations ?? {});
  const links = [["rule", a.generatorURL], ["Alertmanager", a.externalURL]].filter(([, url]) => url);
  return h("dl.annotations", {}, ...entries.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, link(value))]),
    ...links.flatMap(([name, url]) => [h("dt", {}, name), h("dd", {}, link(url))]));
}

// lanes draws the same as the story, against time.
function lanes(episodes, events, timeline) {
  const now = Date.now(), recent = episodes.slice(0, 20);
  const ends = recent.map((e) => e.open ? now : Date.parse(e.endsAt ?? e.supersededAt ?? e.lastReceivedAt));
  const starts = recent.map((e) => Date.parse(e.startsAt));
  if (!recent.length) return "";
  const from = Math.min(...starts), to = Math.max(...ends, from + 60e3);
  const place = (element, a, b) => {
    element.style.left = (a - from) / (to - from) * 100 + "%";
    if (b !== undefined) element.style.width = Math.max(0, b - a) / (to - from) * 100 + "%";
    return element;
  };
  const seen = (ms) => ms >= from && ms <= to;
  const dots = (lane) => lane.filter((m) => seen(m.at)).slice(0, 200).map((m) =>
    place(h("i.dot." + m.kind, { title: m.title + " " + clock(m.at) }), m.at));
  const lane = (title, children) => h("div.lane", {}, h("span.muted", {}, title), h("div.track", {}, ...children));
  const recorded = timeline.map(ofRecorded);
  return h("figure.lanes", { role: "img", "aria-label": recent.length + " episodes from " + clock(from) + " to " + clock(to) },
    lane("fired", recent.map((e, i) => place(h("span.bar." + rank(e.labels.severity) + (e.open ? ".open" : ""),
      { title: clock(starts[i]) + ", " + span(ends[i] - starts[i]) }), starts[i], ends[i]))),
    lane("received", dots(events.map(ofEvent))),
    recorded.length ? lane("recorded", dots(recorded)) : null,
    h("div.axis", {}, h("span", {}, clock(from)), h("span", {}, current(to, now))));
}

const current = (to, now) => to >= now ? "now" : clock(to);

function moment(l) {
  return h("li." + l.kind, { title: precise(l.at) },
    h("time", { datetime: new Date(l.at).toISOString() }, clock(l.at)),
    h("div", {}, h("b", {}, l.title), h("span.muted", {}, again(l)), " ", l.text));
}
