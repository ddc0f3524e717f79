// What may come next in a line of matchers: which part of it the caret is in.
// Nothing here touches the document.

import { quote, quoteName } from "./address.js";

const word = String.raw`"(?:[^"\\]|\\.)*"|[^\s,{}="!~]+`;  // a name or a value
const begun = String.raw`"(?:[^"\\]|\\.)*|[^\s,{}="!~]*`;  // one that is not complete
const operator = "=~|!~|!=|=";
const complete = RegExp(String.raw`[\s,{]*(?:${word})\s*(?:${operator})\s*(?:${word})\s*[,}]`, "ys");
const inValue = RegExp(String.raw`^[\s,{]*(${word})\s*(?:${operator})\s*(${begun})$`, "s");
const inName = RegExp(String.raw`^[\s,{]*(${begun})$`, "s");

// place returns where the caret is: {name, prefix, from, to}, where [from, to) is
// the text that a completion replaces, and name is of the label whose value it is;
// empty in a name. null where nothing can be completed.
export function place(text, caret) {
  const before = text.slice(0, caret);
  let start = 0;
  for (complete.lastIndex = 0; complete.test(before);) start = complete.lastIndex;
  const rest = before.slice(start);
  const [, name, value] = rest.match(inValue) ?? [];
  const prefix = value ?? rest.match(inName)?.[1];
  if (prefix === undefined) return null;
  const tail = text.slice(caret).match(/^[^\s,{}="!~]*/)[0].length;
  const to = caret + tail + (prefix.startsWith('"') && text[caret + tail] === '"');
  return { name: plain(name ?? ""), prefix: plain(prefix), from: caret - prefix.length, to };
}

const plain = (text) => text.startsWith('"') ? text.replace(/^"|"$/g, "").replace(/\\(.)/gs, "$1") : text;

// insert returns the text with a completion in its place, and where the caret is
// then.
export function insert(text, where, completion) {
  const operated = /^\s*[=!~]/.test(text.slice(where.to));
  const written = where.name ? quote(completion) : quoteName(completion) + (operated ? "" : "=");
  return { text: text.slice(0, where.from) + written + text.slice(where.to), caret: where.from + written.length };
}
