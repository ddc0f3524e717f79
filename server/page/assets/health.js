// The strip that says how the taking in goes, every five seconds while somebody
// looks. It is also what notices that the server is back.

import { $, h, setText } from "./dom.js";
import { Latest } from "./api.js";
import { bytes, clock, count, span } from "./words.js";

const every = 5e3, whenAway = 1e3;
const questions = new Latest();
let timer, up = true, startedAt = null, onTick = () => {}, onBack = () => {};

const figures = {};
for (const name of ["state", "rate", "p99", "backlog", "store"]) figures[name] = h("span", { id: "health-" + name });

// start calls tick after each answer, and back after the first one that follows a
// silence or comes of another process.
export function start(tick, back) {
  onTick = tick;
  onBack = back;
  $("health").append(...Object.values(figures));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); else stop(); });
  if (!document.hidden) poll();
}

function stop() {
  clearTimeout(timer);
  questions.stop();
}

async function poll() {
  stop();
  let status;
  try {
    status = await questions.ask("status");
    if (!status) return; // another poll has taken over
  } catch (err) {
    away(true);
    show("down", err.status === 401 ? "credentials are wanted" : err.message);
    for (const name of ["rate", "p99", "backlog", "store"]) setText(figures[name], "");
    timer = setTimeout(poll, whenAway);
    return;
  }
  const back = !up || (startedAt !== null && startedAt !== status.startedAt);
  away(false);
  startedAt = status.startedAt;
  render(status);
  if (back) onBack();
  else onTick();
  timer = setTimeout(poll, every);
}

function away(is) {
  up = !is;
  document.body.classList.toggle("away", is);
}

function show(state, text) {
  figures.state.className = "state " + state;
  setText(figures.state, text);
}

function render(s) {
  const behind = s.journal.oldestSeconds > 10;
  if (!s.ready) show("down", "not ready");
  else if (!s.store.up) show("degraded", "store down; alerts wait in the journal");
  else show(behind ? "degraded" : "ok", behind ? "store behind" : "ready");
  setText(figures.rate, count(s.receivedPerSecond) + " alerts/s");
  setText(figures.p99, "p99 " + milliseconds(s.p99Seconds));
  setText(figures.backlog, "backlog " + (s.journal.backlogBytes
    ? bytes(s.journal.backlogBytes) + ", " + span(s.journal.oldestSeconds * 1000) : "none"));
  setText(figures.store, s.store.kind);
  $("health").title = "stormdrain " + s.version + ", since " + clock(Date.parse(s.startedAt)) + "; " + s.streams + " live streams";
}

function milliseconds(seconds) {
  if (!seconds) return "–";
  const ms = seconds * 1000;
  return ms < 10 ? ms.toFixed(1) + " ms" : span(ms);
}
