// The page put together: what the address says is shown, and kept up to date.

import { $, h, setText } from "./dom.js";
import { get, go, isLive, onChange, present, range, views } from "./address.js";
import { clock, instant, stamp } from "./words.js";
import * as episodes from "./episodes.js";
import * as gaps from "./gaps.js";
import * as health from "./health.js";
import * as keys from "./keys.js";
import * as life from "./life.js";
import * as noisy from "./noisy.js";
import * as search from "./search.js";
import * as storm from "./storm.js";
import * as tail from "./tail.js";

const live = { load: tail.open, refresh: () => {} }; // it comes by itself
const parts = { episodes, noisy, gaps, live };

// What each part shows depends on these words of the address.
const ofTime = ["q", "source", "receiver", "from", "to", "at"];
const ofView = [...ofTime, "status", "open", "view", "by", "sort"];
const differs = (names, a, b) => names.some((name) => a[name] !== b[name]);

function show(state, before) {
  render(state);
  search.show(state);
  life.show(state);
  if (!before || differs(ofTime, state, before)) storm.load();
  if (before && !differs(ofView, state, before)) return;
  search.complain(null); // it was about another question
  if (state.view !== "live") tail.close();
  parts[state.view].load();
}

function render(state) {
  for (const view of views) {
    const tab = $("tab-" + view), chosen = view === state.view;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    $(view).hidden = !chosen;
  }
  setText($("summary"), "");
  for (const button of $("presets").children) {
    button.setAttribute("aria-pressed", isLive() && button.dataset.from === state.from);
  }
  const at = instant(state.at);
  $("now").classList.toggle("on", isLive());
  setText($("now-text"), isLive() ? "live" : "to the present");
  $("travel").classList.toggle("on", !isNaN(at));
  $("at").value = isNaN(at) ? "" : local(at);
  $("open").checked = state.open === "true";
  $("open-label").hidden = state.view !== "episodes" || Boolean(state.at);
  $("chips").replaceChildren(...["source", "receiver", "status"].filter((name) => state[name]).map((name) =>
    h("button", { type: "button", title: "drop this condition", onclick: () => go({ [name]: "" }) }, name + " " + state[name] + " ✕")));
  const [from] = range();
  document.title = (isNaN(at) ? isLive() ? "" : clock(from) + " – " : "at " + clock(at) + " – ") + "stormdrain";
}

// local writes a time as datetime-local wants it.
function local(ms) {
  const d = new Date(ms);
  return new Date(ms - d.getTimezoneOffset() * 60e3).toISOString().slice(0, 19);
}

function refreshAll() {
  const { view } = get();
  if (isLive()) storm.load();
  parts[view].refresh();
  life.refresh();
}

// reloadAll is for a server that has come back: what failed meanwhile is asked
// again, and what is shown may be of a store that was behind.
function reloadAll() {
  storm.load();
  const { view } = get();
  if (view === "live") tail.again();
  else if (view === "episodes") episodes.load({ quiet: true });
  else parts[view].load();
  life.refresh();
}

function startTabs() {
  const tabs = views.map((view) => $("tab-" + view));
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => go({ view: views[i] }));
    tab.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (!step) return;
      const n = (i + step + tabs.length) % tabs.length;
      go({ view: views[n] });
      tabs[n].focus();
    });
  });
}

function startTime() {
  $("presets").addEventListener("click", (e) => {
    if (e.target.dataset.from) go({ from: e.target.dataset.from, to: "", at: "" });
  });
  $("now").addEventListener("click", present);
  $("travel").addEventListener("submit", (e) => {
    e.preventDefault();
    const at = new Date($("at").value); // of this browser's zone
    go(isNaN(at) ? { at: "" } : { at: stamp(at), from: "", to: "", view: "episodes" });
  });
  // A plain click stays on the page and is a step back and forward know.
  $("home").addEventListener("click", (e) => {
    if (e.button || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    go({ q: "", source: "", receiver: "", status: "", open: "", from: "", to: "", at: "", view: "episodes", alert: "" });
  });
}

search.start();
storm.start();
episodes.start();
noisy.start();
tail.start();
life.start();
keys.start();
startTabs();
startTime();
onChange(show);
show(get(), null);
health.start(refreshAll, reloadAll);
