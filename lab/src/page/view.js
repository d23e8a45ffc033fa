"use strict";
// How a moment of a run is drawn: the pages of `--html` and the site of `--web` share this. `codes` has `processes` and
// `recoveries`, each with a name, its first line's number and its text.
const $ = id => document.getElementById(id);
// Text goes into the page as text alone, never as HTML.
const el = (tag, cls, ...inside) => { const e = document.createElement(tag); if (cls) e.className = cls;
  e.append(...inside.filter(x => x !== null)); return e; };
function listing(code, now) {
  return el("pre", "", ...code.text.map((t, j) => el("span", code.from + j === now ? "now" : "",
    (code.from + j === now ? "▸" : " ") + String(code.from + j).padStart(3) + " " + t)));
}
function box(cls, name, state, bad, ...inside) {
  return el("section", "box " + cls, el("h2", "", el("span", "", name), el("span", bad ? "bad" : "dim", state)), ...inside);
}
function processBox(codes, p, i, acts) {
  const state = p.state === "dead" ? "✝ dead" : p.state === "asleep" ? "asleep at " + p.asleep_at : p.state;
  const own = p.private.map(([n, v]) => n + " = " + v).join("   ");
  const waits = p.buffered.map(([n, v]) => n + " = " + v).join(", ");
  return box("c" + i + (p.state === "dead" ? " dead" : "") + (acts ? " acts" : ""), "abcd"[i] + "  " + p.name, state, p.state === "dead",
    listing(codes.processes[i], p.line), own ? el("div", "dim", "private: " + own) : null, waits ? el("div", "dim", "not in memory yet: " + waits) : null);
}
function table(rows) {
  return el("table", "", ...rows.map(([name, value, hot, note]) => el("tr", "", el("td", "", name),
    el("td", hot ? "now" : "", value), el("td", "dim", note || ""))));
}
function sharedBox(m, before) {
  // The two halves of a frame stand in one row.
  const at = n => m.words.findIndex(w => w[0] === n), old = i => before.words[i][1];
  const words = m.words.filter(([n]) => !n.endsWith("'")).map(([n, v]) => { const i = at(n), h = at(n + "'");
    return h < 0 ? [n, String(v), old(i) !== v] : [n, v + " | " + m.words[h][1], old(i) !== v || old(h) !== m.words[h][1],
      v === m.words[h][1] ? "" : "halves of two frames"]; });
  const sems = m.semaphores.map((s, i) => [s.name, s.tokens + " " + "●".repeat(Math.min(s.tokens, 8)), before.semaphores[i].tokens !== s.tokens,
    [s.sleepers.length ? "asleep: " + s.sleepers.join(", ") : "nobody sleeps", s.ghosts ? s.ghosts + " counted, nobody there" : ""].filter(Boolean).join("; ")]);
  return box("", "shared", "", false, table([...words, ...sems, ["shown", String(m.shown), before.shown !== m.shown]]));
}
function recoveryBox(codes, m, acts) {
  const who = m.recovery ? m.processes.findIndex(p => p.name === m.recovery[0]) : -1;
  if (!codes.recoveries.some(r => r.text.length) && who < 0) return null;
  const show = who >= 0 ? [codes.recoveries[who]] : codes.recoveries;
  const state = who < 0 ? "nothing to do" : m.recovery[1] ? "in the place of " + m.recovery[0] : "about to start " + m.recovery[0] + " again";
  return box(acts ? "acts" : "", "r  recovery", state, false, ...show.filter(r => r.text.length).map(r => listing(r, who >= 0 ? m.recovery[1] : -1)));
}
// The processes, what they share between the first and the second, and recovery.
function scene(codes, m, before) {
  const who = m.told ? m.told.who : "";
  const row = m.processes.map((p, i) => processBox(codes, p, i, p.name === who));
  row.splice(1, 0, sharedBox(m, before));
  const r = recoveryBox(codes, m, who === "recovery");
  return r ? [...row, r] : row;
}
// What the step before this moment did.
function told(t, beginning) {
  return t ? [el("div", "dim", t.act + "   " + t.who + (t.line ? ", line " + t.line : "")), el("code", "", t.code || " "),
    el("div", "", (t.wrong ? "✗ " : "") + t.says)] : [el("div", "", beginning)];
}
