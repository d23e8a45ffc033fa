// What a learner has done, kept by this browser: the prediction, the lines, the hints that were asked for, and whether it was marked right.
const KEY = "tricine.lab " + location.pathname.replace(/[^/]*$/, "");
const kept = (() => { try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch { return {}; } })();
function keep() {
  // A browser may refuse, from a disk above all: then it is kept until the page is closed.
  try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* as said */ }
}
const entry = id => kept[id] ||= { predicted: [], text: null, hints: 0, right: false };
// The learner's lines stand between two marks; the rest is the lesson's. A program without marks is the learner's as a whole.
const BEGIN = "# --- your lines ---", END = "# --- end of your lines ---";
function regions(program) {
  const lines = program.replace(/\n$/, "").split("\n"), begin = lines.findIndex(l => l.trim() === BEGIN), end = lines.findIndex(l => l.trim() === END);
  return begin < 0 || end < begin ? { before: [], mine: lines, after: [] }
    : { before: lines.slice(0, begin + 1), mine: lines.slice(begin + 1, end), after: lines.slice(end) };
}
// `8@4:a4Xa` as in a terminal; `&lines=` has the learner's lines, in base64 for addresses.
function link(id, schedule, text) {
  const bytes = new TextEncoder().encode(text || "");
  const lines = btoa(Array.from(bytes, b => String.fromCharCode(b)).join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return "#" + id.replace(/[%@&#]/g, encodeURIComponent) + (schedule === null ? "" : "@" + schedule) + (text === null ? "" : "&lines=" + lines);
}
function linked(hash) {
  const found = hash.match(/^#([^@&]*)(?:@([^&]*))?(?:&lines=(.*))?$/);
  if (!found) return null;
  const [id, schedule = null] = found.slice(1, 3).map(x => { try { return x && decodeURIComponent(x); } catch { return x; } });
  try {
    const text = found[3] === undefined ? null : new TextDecoder("utf-8", { fatal: true }).decode(
      Uint8Array.from(atob(found[3].replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0)));
    return { id, schedule, text };
  } catch { return { id, schedule, text: null, broken: true }; }
}
// `4:a2Xbr` as acts: a, a, Xb, r.
function acts(schedule) {
  const [, number, short] = schedule.match(/^\s*(?:(\d+):)?(.*)$/s), all = [];
  for (const [, act, times] of short.matchAll(/([Xf]?[a-e]|r)(\d*)/g)) for (let i = 0; i < Math.min(+(times || 1), 10000); i++) all.push(act);
  return { instance: number === undefined ? null : +number, all };
}
