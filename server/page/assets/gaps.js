// What may be missing, and who sends.

import { $, h, setText } from "./dom.js";
import { go, isLive, range } from "./address.js";
import { Latest } from "./api.js";
import { Trouble } from "./trouble.js";
import { clock, count, precise, span, stamp } from "./words.js";

const questions = new Latest(), sources = new Latest();
const trouble = new Trouble($("gaps-trouble"), "The gaps", load);

export async function load() {
  const [from, to] = range();
  let answer, known;
  try {
    [answer, known] = await Promise.all([
      questions.ask("gaps", { from: stamp(from), to: isLive() ? "" : stamp(to), limit: 500 }),
      sources.ask("sources"),
    ]);
  } catch (err) {
    return trouble.show(err);
  }
  if (!answer || !known) return;
  trouble.clear();
  const n = answer.gaps.length;
  setText($("summary"), answer.more ? "the newest " + n + " gaps" : n ? n + (n === 1 ? " gap" : " gaps") : "no gaps");
  $("gap-list").replaceChildren(...n ? answer.gaps.map(item) : [h("li.muted", {}, "Nothing is known to be missing here.")]);
  if (answer.more) $("gap-list").append(h("li.muted", {}, "There are more, which are older: zoom in, or choose an earlier time."));
  $("source-head").replaceChildren(h("tr", {}, ...["source", "first", "last", "deliveries", "left out", "usual pause", ""].map((t, i) =>
    h("th" + (i > 2 && i < 6 ? ".number" : ""), { scope: "col" }, t))));
  $("source-body").replaceChildren(...known.sources.map((s) => h("tr", {},
    h("th", { scope: "row" }, s.source ? h("button.link", { type: "button", onclick: () => go({ source: s.source, view: "episodes" }) }, s.source) : "(no name)"),
    h("td", { title: precise(Date.parse(s.firstAt)) }, clock(Date.parse(s.firstAt))),
    h("td", { title: precise(Date.parse(s.lastAt)) }, clock(Date.parse(s.lastAt))),
    h("td.number", {}, count(s.deliveries)), h("td.number", {}, count(s.truncatedAlerts)),
    h("td.number", {}, s.rhythmSeconds ? span(s.rhythmSeconds * 1000) : "–"),
    h("td", {}, s.silent ? h("span.badge.bad", {}, "silent") : ""))));
}

export const refresh = () => { if (isLive()) load(); };

const titles = { truncated: "Left out", resolved_only: "Firing never came", source_silent: "Silent" };

function item(gap) {
  const at = Date.parse(gap.at ?? gap.since);
  return h("li.gap", {}, h("time", { datetime: gap.at ?? gap.since, title: precise(at) }, clock(at)),
    h("span.badge." + (gap.kind === "source_silent" ? "bad" : "odd"), {}, titles[gap.kind] ?? gap.kind), h("span", {}, ...sentence(gap)));
}

function sentence(gap) {
  const who = gap.source ? "source " + gap.source : "the source without a name";
  switch (gap.kind) {
    case "truncated":
      return [gap.alerts + " alerts were left out of a delivery of " + who + "; raise max_alerts in its webhook_config"];
    case "resolved_only": {
      const name = gap.labels?.alertname ?? gap.fingerprint;
      return [h("button.link", { type: "button", onclick: () => go({ alert: gap.fingerprint }) }, name),
        " of " + who + " was resolved, and nobody had heard it fire"];
    }
    case "source_silent":
      return [who + " has sent nothing since; its longest usual pause is " + span(gap.rhythmSeconds * 1000)];
  }
  return [who];
}
