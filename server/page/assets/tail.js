// The live tail: alerts as they are stored.

import { $, h, perFrame, setText } from "./dom.js";
import { go, matching } from "./address.js";
import { Latest, refusal, url } from "./api.js";
import { complain } from "./search.js";
import { Trouble } from "./trouble.js";
import { clock, further, precise, rank, shape } from "./words.js";

const most = 300;        // lines that are kept
const earlier = 20;      // lines of what came before one began to look
const list = $("tail");
const questions = new Latest();
const trouble = new Trouble($("live-trouble"), "The live tail", connect);
let source = null, retry = null;
let waiting = [];        // came and is not shown yet, the oldest first
let paused = false, lost = 0, dropped = 0;

// What is on the page: the newest receivedAt, and ids. Both are for catchUp, and
// catching says that it is at it.
let newest = "", ids = new Set(), begun = false, catching = false;

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
  newest = "";
  ids.clear();
  begun = false;
  tellLost();
  connect();
}

export function close() {
  clearTimeout(retry);
  trouble.clear();
  questions.stop();
  source?.close();
  source = null;
}

function connect() {
  clearTimeout(retry);
  source?.close();
  say("connecting", "connecting …");
  const mine = source = new EventSource(url("stream", matching()));
  catching = true;
  mine.onopen = () => {
    say("ok", "live");
    trouble.clear();
    catchUp(mine);
  };
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
    if (source === mine) broken(mine);
  };
}

// broken says why there is no stream. What is wrong with the question stays wrong:
// only what may pass is tried again.
async function broken(mine) {
  say("down", "no connection, trying again");
  const err = await refusal("stream", matching());
  if (source !== mine) return;
  if (!err) {
    retry = setTimeout(connect, 1e3);
    return;
  }
  if (!err.passing) say("down", "not listening");
  if (err.status === 400) complain(err);
  else trouble.show(err);
}

// catchUp shows what came before the stream began: the last few when one begins to
// look, and all that was missed when there was a break. The stream is open by then,
// so nothing falls between the two; what comes by both has the same id.
async function catchUp(mine) {
  let answer = null;
  try {
    answer = await questions.ask("events", { ...matching(), from: newest || "1h", limit: begun ? most : earlier });
  } catch (err) {
    if (source !== mine) return;
    catching = false; // the stream is there, and is shown
    flush();
    return trouble.show(err);
  }
  if (source !== mine || !answer) return;
  catching = false;
  const missed = answer.events.reverse().filter((e) => isNew(e));
  if (begun && answer.next) missed.unshift({ gap: true });
  begun = true;
  waiting = missed.concat(waiting);
  flush();
}

function isNew(e) {
  if (ids.has(e.id)) return false;
  ids.add(e.id);
  if (ids.size > 8 * most) ids = new Set([...ids].slice(-4 * most));
  if (e.receivedAt > newest) newest = e.receivedAt;
  return true;
}

// again is for when the server is known to be back.
export function again() {
  if (source?.readyState === EventSource.CLOSED) connect();
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

function say(state, text) {
  $("tail-state").className = "badge " + state;
  setText($("tail-state"), text);
}

function add(event) {
  if (!event || event.id && !isNew(event)) return;
  waiting.push(event);
  // In a storm more comes than a page can show: the oldest that nobody has seen go.
  if (waiting.length > most) {
    dropped += waiting.length - most;
    waiting = waiting.slice(-most);
  }
  flush();
}

const flush = perFrame(() => {
  if (paused || catching) return;
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
  if (e.gap) return h("li.lost", {}, "more came while there was no connection than is shown here");
  if (e.lost !== undefined && !e.labels) return h("li.lost", {}, e.lost + " alerts lost here");
  const severity = e.labels.severity ?? "", at = Date.parse(e.receivedAt);
  return h("li", {},
    h("time", { datetime: e.receivedAt, title: precise(at) }, clock(at)),
    h("span.mark." + rank(severity), { title: severity || "no severity" }, shape(severity)),
    h("span.badge." + (e.status === "firing" ? "firing" : "resolved"), {}, e.status),
    h("button.link", { type: "button", onclick: () => go({ alert: e.fingerprint }) }, e.labels.alertname ?? "(no name)"),
    h("span.muted", {}, further(e.labels)));
}
