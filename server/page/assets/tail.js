// The live tail: alerts as they are stored.

import { $, h, perFrame, setText } from "./dom.js";
import { go, matching } from "./address.js";
import { url } from "./api.js";
import { clock, further, precise, rank, shape } from "./words.js";

const most = 300;        // lines that are kept
const list = $("tail");
let source = null, retry = null, pause = 1e3;
let waiting = [];        // came and is not shown yet
let paused = false, lost = 0, dropped = 0;

export function start() {
  $("pause").addEventListener("click", () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", paused);
    setText($("pause"), paused ? "Go on" : "Pause");
    flush();
  });
}

// open begins to listen; what stood there was of another question.
export function open() {
  close();
  list.replaceChildren();
  waiting = [];
  lost = dropped = 0;
  tellLost();
  connect();
}

export function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function connect() {
  clearTimeout(retry);
  source?.close();
  say("connecting", "connecting …");
  const mine = source = new EventSource(url("stream", matching()));
  mine.onopen = () => { pause = 1e3; say("ok", "live"); };
  mine.addEventListener("alert", (e) => add(parsed(e.data)));
  mine.addEventListener("lost", (e) => {
    const n = parsed(e.data)?.lost ?? 0;
    lost += n;
    add({ lost: n });
  });
  mine.onerror = () => {
    // A browser gives up on an answer that is no stream, such as the 503 of a
    // server that is going down, so trying again is ours.
    mine.close();
    if (source !== mine) return;
    say("down", "no connection, trying again");
    retry = setTimeout(connect, pause);
    pause = Math.min(2 * pause, 10e3);
  };
}

// again is for when the server is known to be back.
export function again() {
  if (source && source.readyState === EventSource.CLOSED) connect();
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

function say(state, text) {
  $("tail-state").className = "badge " + state;
  setText($("tail-state"), text);
}

function add(event) {
  if (!event) return;
  waiting.push(event);
  // In a storm more comes than a page can show: the oldest that nobody has seen go.
  if (waiting.length > most) {
    dropped += waiting.length - most;
    waiting = waiting.slice(-most);
  }
  if (!paused) flush();
}

const flush = perFrame(() => {
  if (paused) return;
  const lines = waiting.reverse().map(line);
  waiting = [];
  list.prepend(...lines);
  while (list.childElementCount > most) list.lastElementChild.remove();
  tellLost();
});

function tellLost() {
  const parts = [];
  if (lost) parts.push(lost + " lost on the way: this reader was too slow");
  if (dropped) parts.push(dropped + " came too fast to be shown");
  setText($("tail-lost"), parts.join("; "));
}

function line(e) {
  if (e.lost !== undefined && !e.labels) return h("li.lost", {}, e.lost + " alerts lost here");
  const severity = e.labels.severity ?? "", at = Date.parse(e.receivedAt);
  return h("li", {},
    h("time", { datetime: e.receivedAt, title: precise(at) }, clock(at)),
    h("span.mark." + rank(severity), { title: severity || "no severity" }, shape(severity)),
    h("span.badge." + (e.status === "firing" ? "firing" : "resolved"), {}, e.status),
    h("button.link", { type: "button", onclick: () => go({ alert: e.fingerprint }) }, e.labels.alertname ?? "(no name)"),
    h("span.muted", {}, further(e.labels)));
}
