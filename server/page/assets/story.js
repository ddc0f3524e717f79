// One alert's story in sentences: what was received, and what Alertmanager's event
// recorder said. Nothing here touches the document.

import { span } from "./words.js";

// ofEvent tells a receipt.
export function ofEvent(e) {
  return {
    at: Date.parse(e.receivedAt), lane: "received", kind: e.status, key: e.status + "\0" + e.receiver + "\0" + e.source,
    title: "Received as " + e.status,
    text: "for " + e.receiver + (e.source ? " from " + e.source : ""),
  };
}

// ofRecorded tells a recorded event. Its fields are those of Alertmanager's
// eventrecorder.proto; any may be missing.
export function ofRecorded(r) {
  const data = r.event?.data?.[r.kind] ?? {};
  const [title, text, kind] = (tellings[r.kind] ?? (() => [r.kind, "", "other"]))(data, r);
  return { at: Date.parse(r.at), lane: "recorded", kind, key: r.kind + "\0" + text + "\0" + r.instance, title, text, instance: r.instance };
}

const tellings = {
  alertCreated: () => ["Created", "new in Alertmanager", "created"],
  alertGrouped: (d) => ["Grouped", join("for " + say(d.groupInfo?.receiverName), say(d.groupInfo?.groupKey)), "grouped"],
  notification: (d) => ["Notified", join(
    [say(d.groupInfo?.receiverName), d.integration?.name && "by " + say(d.integration.name)].filter(Boolean).join(" "),
    say(d.reason).replace(/^.*REASON_/, "").toLowerCase().replaceAll("_", " ")), "notified"],
  alertResolved: (d) => ["Resolved", d.groupInfo?.receiverName ? "left its group of " + say(d.groupInfo.receiverName) : "", "resolved"],
  silenceMutedAlert: (d) => ["Silenced", silence(d.silence), "silenced"],
  silenceCreated: (d) => ["Silence made", silence(d.silence), "silenced"],
  silenceUpdated: (d) => ["Silence changed", silence(d.silence), "silenced"],
  inhibitionMutedAlert: (d) => ["Inhibited", "by " + ((d.inhibitingFingerprints ?? []).map(hex).join(", ") || "another alert"), "inhibited"],
};

const say = (value) => value === undefined || value === null ? "" : String(value);
const join = (...parts) => parts.filter(Boolean).join("; ");

function silence(s = {}) {
  return join(s.createdBy && "by " + say(s.createdBy), say(s.comment), s.endsAt && "until " + say(s.endsAt).replace(/\.\d+Z$/, "Z"));
}

// hex writes a fingerprint as the rest of the world does: the recorder sends the
// number.
function hex(number) {
  try { return BigInt(number).toString(16).padStart(16, "0"); } catch { return say(number); }
}

// tell puts everything in order, newest first, and what came again and again into
// one line: {…, times, first}.
export function tell(moments) {
  const lines = [];
  for (const m of moments.slice().sort((a, b) => b.at - a.at)) {
    const above = lines.at(-1);
    if (above && above.key === m.key && above.lane === m.lane) {
      above.times++;
      above.first = m.at;
    } else lines.push({ ...m, times: 1, first: m.at });
  }
  return lines;
}

export const again = (l) => l.times > 1 ? " ×" + l.times + (l.at - l.first >= 1000 ? " in " + span(l.at - l.first) : "") : "";
