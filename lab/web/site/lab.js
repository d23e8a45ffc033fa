// One lesson at a time, in the five parts that it has in a terminal, with the same keys.
const PARTS = ["text", "predict", "run", "repair", "why"];
const stepper = Engine(), marker = Engine();
let lesson, mine, part, text, own, run, coming, verdict, marking, reached, drawn = 0;

function open(at) {
  lesson = LESSONS.find(l => l.id === at.id) || LESSONS[0];
  mine = entry(lesson.id);
  [part, coming, verdict, reached, own] = ["text", [], null, new Set(), null];
  text = mine.text ?? start();
  run = { instance: null, acts: [], moments: [], k: 0 };
  let note = at.id && lesson.id !== at.id ? "There is no lesson " + at.id + "; this is the first." : "";
  if (at.broken) note = "The lines in this link were cut off or changed on their way; these are yours.";
  if (at.text !== null && at.text !== undefined && at.text !== text) {
    [own, text] = [text, at.text];
    note = "These are the lines of the link that you opened. Yours are kept until you change these.";
  }
  if (at.schedule !== null && at.schedule !== undefined) {
    const a = acts(at.schedule);
    [run.instance, run.acts, part] = [a.instance, a.all, "run"];
  } else if (mine.predicted.length >= lesson.predict.length && lesson.program) part = own ? "repair" : "run";
  show(note);
}
// What one types in a terminal for this lesson: a course of one file is named by it.
const typed = () => "tricine lab " + (/\.(md|lab)$/.test(PLACE.trim()) ? PLACE.trim() : PLACE + lesson.id);
const start = () => regions(lesson.program).mine.join("\n");
const base = () => ({ program: lesson.program, goals: lesson.goals, text });

function say(note) { $("message").replaceChildren(...(note ? inline(note) : [])); if (own !== null && note) $("message").append(" ", button("", "back to my lines", () => { text = own; own = null; restart(); show(""); })); }
function show(note, focus) {
  say(note || "");
  document.title = lesson.id + ". " + lesson.title;
  $("title").textContent = document.title + (mine.right ? " ✓" : "");
  $("lessons").replaceChildren(...LESSONS.map(l => { const a = el("a", "", (entry(l.id).right ? "✓ " : "") + l.id + ". " + l.title); a.href = link(l.id, null, null);
    if (l === lesson) a.setAttribute("aria-current", "true"); return el("li", "", a); }));
  $("tabs").replaceChildren(...PARTS.map((p, i) => { const b = button(String(i + 1), p, () => go(p)); b.setAttribute("aria-pressed", p === part); return b; }));
  ({ text: textPart, predict: predictPart, run: runPart, repair: repairPart, why: whyPart })[part]();
  if (part !== "run") history.replaceState(null, "", link(lesson.id, null, own === null ? null : text));
  if (focus) { $("main").focus({ preventScroll: true }); scrollTo(0, 0); }
}
function go(p) { part = p; show("", true); }
function goOn() { go(PARTS[Math.min(PARTS.indexOf(part) + 1, 4)]); }
function button(key, label, act, name) {
  const b = el("button", "", key ? el("kbd", "", key) : null, label);
  if (name) b.setAttribute("aria-label", name);
  b.onclick = act;
  return b;
}
const put = (...nodes) => $("main").replaceChildren(...nodes.filter(n => n));
const prose = text => el("div", "prose", ...markdown(text));
const code = text => { const p = el("pre", "code", text); p.tabIndex = 0; return p; };
const onward = () => el("nav", "", button("Enter", "go on", goOn));

function textPart() { put(prose(lesson.text), lesson.program ? code(lesson.program.trimEnd()) : null, onward()); }

function predictPart() {
  const n = mine.predicted.length, asked = lesson.predict.slice(0, n + 1);
  put(...asked.map((q, i) => {
    const said = mine.predicted[i], boxes = [];
    const rows = q.answers.map((a, k) => {
      const box = el("input");
      [box.type, box.checked, box.disabled] = ["checkbox", said ? said.includes(k) : false, Boolean(said)];
      boxes.push(box);
      const ticked = said && said.includes(k);
      const word = !said ? null : a.right ? (ticked ? el("span", "good", " ✓ right, and you said so") : el("span", "bad", " ✗ right, and you did not say so"))
        : ticked ? el("span", "bad", " ✗ not so") : el("span", "good", " ✓ not so, and you did not say so");
      return el("div", "", el("label", "", box, " ", said ? null : el("kbd", "", "abcdefg"[k]), " ", ...inline(a.text), word), said ? el("div", "why", ...inline(a.why)) : null);
    });
    const submit = said ? null : button("Enter", "that is what I think", () => {
      const ticked = boxes.flatMap((b, k) => b.checked ? [k] : []);
      if (!ticked.length) return say("First say what you think: nothing runs before that.");
      mine.predicted.push(ticked);
      if (!lesson.program && mine.predicted.length === lesson.predict.length) mine.right = true;
      keep();
      show("", true);
    });
    return el("fieldset", "", el("legend", "", "question " + (i + 1) + " of " + lesson.predict.length), ...markdown(q.text), ...rows, submit);
  }), n >= lesson.predict.length ? onward() : null);
}

function restart() { run.acts = []; coming = []; run.k = 0; verdict = null; run.instance = null; }

async function runPart() {
  const turn = ++drawn;
  if (!lesson.program) {
    return put(prose(lesson.run), lesson.measure ? prose(lesson.measure.text) : null, prose("**A browser cannot measure this.** In a terminal, on Linux: `" + typed() + "`."), onward());
  }
  const got = await stepper.ask({ want: "replay", ...base(), schedule: run.acts.join(""), instance: run.instance, from: 0 });
  if (turn !== drawn || part !== "run") return;
  if (got.error) { run.acts = []; return put(el("p", "bad", got.error), el("nav", "", button("4", "to your lines", () => go("repair")))); }
  // A step that goes wrong is the last one.
  run.acts.length = got.moments.length - 1;
  [run.instance, run.moments, run.got] = [got.instance, got.moments, got];
  run.k = run.moments.length - 1;
  for (const i of got.reached) if (!reached.has(i)) { reached.add(i); say("Reached: " + lesson.goals[i].text); }
  drawRun();
}
function drawRun() {
  const { got, moments, k } = run, n = moments.length - 1, names = got.processes.map(p => p.name);
  const pos = el("input"), keys = el("nav");
  keys.id = "keys";
  const letters = [...names.keys()];
  keys.append(...letters.map(i => button("abcd"[i], names[i], () => act("abcd"[i]), "a step of " + names[i])),
    ...letters.map(i => button("ABCD"[i], "kill " + names[i], () => act("X" + "abcd"[i]))),
    button("r", "recovery", () => act("r")),
    ...(got.buffers ? letters.slice(0, 2).map(i => button("vw"[i], names[i] + "’s store", () => act("f" + "abcd"[i]), "the oldest store of " + names[i] + " reaches memory")) : []),
    button("g", "on", far, "on to the next change that others can see"), button("u", "undo", undo), button("R", "restart", begin),
    ...(coming.length ? [button("n", "next of the counterexample", next)] : []),
    ...(got.instances.length > 1 ? [button("[", "size", () => other(-1), "size or scene before"), button("]", "size", () => other(1), "next size or scene")] : []));
  [pos.id, pos.type, pos.min, pos.max] = ["pos", "range", 0, n];
  pos.value = k;
  pos.setAttribute("aria-label", "step");
  pos.oninput = () => { run.k = +pos.value; paint(); };
  const says = el("div"), row = el("div"), count = el("p", "dim"), end = el("p"), real = el("p", "dim");
  [says.id, row.id, count.id] = ["say", "row", "where"];
  says.setAttribute("aria-live", "polite");
  const paint = () => {
    const m = moments[run.k], t = m.told;
    says.className = t && t.wrong ? "bad" : "";
    says.replaceChildren(...told(t, "The beginning. You say who runs: a key or a button is one step."));
    row.replaceChildren(...scene(got, m, moments[Math.max(0, run.k - 1)]));
    pos.value = run.k;
    real.replaceChildren("Played in a model of the machine, in this page. On real processes: ", el("code", "", typed() + "@" + shortened()));
    count.textContent = "step " + run.k + " of " + n + (got.instances.length > 1 ? " · " + got.instances[got.instance] : "") + " · schedule " + shortened();
    end.replaceChildren(...inline(run.k === n ? ended(got.end) : ""));
    end.className = "fault" in Object(got.end) || "stuck" in Object(got.end) || "wrong-end" in Object(got.end) ? "bad" : "good";
    history.replaceState(null, "", link(lesson.id, shortened(), own === null ? null : text));
  };
  run.paint = paint;
  const goals = lesson.goals.map((g, i) => el("p", "goal", g.after ? "○ after the repair: " : !g.possible ? "○ nobody can: " : reached.has(i) ? "✓ reached: " : "○ reach: ", ...inline(g.text)));
  put(keys, says, pos, count, end, row, real, prose(lesson.run), ...goals, el("nav", "", button("", "copy a link to this run", share), button("Enter", "go on", goOn)));
  paint();
}
function shortened() {
  const out = run.got.schedule;
  const number = run.got.instances.length > 1 ? run.got.instance + ":" : "";
  return number + out;
}
function ended(end) {
  if (end === "open") return "";
  if (end === "over") return "✓ Everybody is done, as was expected.";
  if (end["wrong-end"]) return "✗ Everybody is done, and it is not what was expected: " + end["wrong-end"];
  if (end.stuck) return "✗ Stuck: " + end.stuck;
  return "✗ It went wrong: " + end.fault;
}
// Keys may come faster than answers: what was played is `acts`, at once.
function play(acts) { [run.acts, run.k] = [acts, acts.length]; say(""); runPart(); }
function act(a) { play(run.acts.slice(0, run.k).concat(a)); }
function undo() { play(run.acts.slice(0, Math.max(0, run.k - 1))); }
function begin() { play([]); }
function look(by) { run.k = Math.max(0, Math.min(run.moments.length - 1, run.k + by)); run.paint(); }
function next() {
  if (!coming.length) return say("There is no counterexample: m marks your lines, and finds one if there is one.");
  act(coming.shift());
  if (!coming.length) say("That was the counterexample’s last step.");
}
async function other(by) {
  const to = run.got.instance + by;
  if (to < 0 || to >= run.got.instances.length) return say("There is no other size or scene in this direction.");
  [run.instance, coming] = [to, []];
  play([]);
}
// The process that ran last goes on to the next change that others can see.
async function far() {
  const before = run.acts.slice(0, run.k), a = before.findLast(x => /^[a-e]$|^r$/.test(x)) || "a";
  const got = await stepper.ask({ want: "replay", ...base(), schedule: before.concat(Array(60).fill(a)).join(""), instance: run.instance, from: before.length });
  if (got.error) return say(got.error);
  const seen = m => JSON.stringify([m.words, m.semaphores.map(s => s.tokens), m.shown]), who = "abcde".indexOf(a);
  let n = 1;
  while (n < got.moments.length - 1 && seen(got.moments[n]) === seen(got.moments[0]) && (who < 0 ? got.moments[n].recovery : got.moments[n].processes[who].state === "ready")) n++;
  play(before.concat(Array(n).fill(a)));
}
async function share() {
  const changed = text.trimEnd() !== start().trimEnd();
  const at = location.href.replace(/#.*/, "") + link(lesson.id, part === "run" && run.got ? shortened() : null, changed ? text : null);
  try { await navigator.clipboard.writeText(at); say("The link is copied: it holds the schedule" + (changed ? " and your lines." : ".")); }
  catch { history.replaceState(null, "", at); say("This browser does not let a page copy. The link stands in the address bar now."); }
}

function repairPart() {
  if (!lesson.program) return put(prose("There is nothing to repair in this lesson."), onward());
  const { before, after } = regions(lesson.program), area = el("textarea"), said = el("div");
  [area.id, said.id] = ["lines", "verdict"];
  area.value = text;
  [area.spellcheck, area.autocapitalize, area.autocomplete] = [false, "off", "off"];
  area.rows = Math.min(40, text.split("\n").length + 2);
  area.setAttribute("aria-label", "your lines");
  area.oninput = () => { text = area.value; own = null; mine.text = text.trimEnd() === start().trimEnd() ? null : text; verdict = null; coming = []; keep(); };
  area.onkeydown = e => {
    if (e.key === "Escape") area.blur();
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); mark(); }
    else if (e.key === "Enter" && !e.isComposing) { // A new line begins where the one before does.
      const line = area.value.slice(0, area.selectionStart).split("\n").pop(), blank = line.match(/^ */)[0];
      e.preventDefault();
      area.setRangeText("\n" + blank + (/:\s*$/.test(line) ? "    " : ""), area.selectionStart, area.selectionEnd, "end");
      area.oninput();
    }
  };
  said.setAttribute("aria-live", "polite");
  put(prose(lesson.task || "Change the program as you like, and mark it."), said, before.length ? code(before.join("\n")) : null, area, after.length ? code(after.join("\n")) : null,
    el("nav", "", button("m", "mark", mark), button("h", "hint", hint), button("", "copy a link to my lines", share), button("", "drop my lines", drop)), hints());
  verdictInto(said);
}
function verdictInto(said) {
  if (marking) return said.replaceChildren(el("p", "", "Every schedule is being tried …"), el("nav", "", button("", "stop", () => marker.stop())));
  if (!verdict) return said.replaceChildren();
  const right = verdict.exit === 0, [first, ...rest] = (verdict.error || verdict.says).trimEnd().split("\n");
  const more = rest.filter(l => !l.startsWith("  To replay it")).join("\n");
  said.replaceChildren(el("p", right ? "good" : "bad", right ? "✓ " : "✗ ", ...inline(first)), more ? code(more) : "",
    el("nav", "", ...(coming.length ? [button("n", "see it happen", () => { go("run"); say("The counterexample: n is its next step."); })] : []), ...(right ? [button("Enter", "why", () => go("why"))] : [])));
}
async function mark() {
  if (!lesson.program || marking) return;
  part = "repair";
  [marking, verdict, coming] = [true, null, []];
  show("");
  const of = lesson, what = text, got = await marker.ask({ want: "check", ...base() });
  marking = false;
  if (lesson !== of || text !== what) { if (part === "repair") verdictInto($("verdict")); return; }
  verdict = got.error === "stopped" ? null : got;
  if (got.exit === 0) { mine.right = true; keep(); }
  if (got.paste) { const a = acts(got.paste); [run.instance, run.acts, run.k, coming] = [a.instance, [], 0, a.all]; }
  if (part !== "repair") return;
  show(got.error === "stopped" ? "Stopped before there was an answer." : "");
  $("verdict").scrollIntoView({ block: "nearest" });
}
function hint() { mine.hints = Math.min(mine.hints + 1, lesson.hints.length); keep(); $("hints").replaceWith(hints()); $("hints").scrollIntoView({ block: "nearest" }); }
function hints() { const box = el("ol", "prose", ...lesson.hints.slice(0, mine.hints).map(h => el("li", "", ...inline(h)))); box.id = "hints"; return box; }
function drop() { text = start(); own = null; mine.text = null; restart(); keep(); show("These are the lines as they were given out."); }

function whyPart() {
  if (!mine.right) return put(prose(lesson.program ? "This part opens once your repair is right. `4` is the repair, `h` there a hint." : "This part opens once every question is answered."));
  put(...[lesson.see, lesson.proof, lesson.why].filter(Boolean).map(prose),
    ...lesson.shipped.filter(s => s.line > 0).flatMap(s => [prose("**In Tricine**, `" + s.file + "` from line " + s.line + ": " + s.says), code(s.code)]),
    lesson.guide.length ? prose("**What guides say, and whether it holds**\n\n" + lesson.guide.map(c => "- “" + c.claim + "”: **" + c.holds + "**. " + c.why).join("\n")) : null,
    lesson.repairs.some(r => r.verdict !== "right") ? prose("**What others wrote**\n\n" + lesson.repairs.map(r => "- " + r.name + ": **" + r.verdict + "**" + (r.schedule ? ", `" + r.schedule + "`" : "") + ". " + r.text.split("\n")[0]).join("\n")) : null);
}

const anywhere = { l: () => { $("list").open = !$("list").open; $("list").firstElementChild.focus(); }, m: mark, h: () => { if (part !== "repair") go("repair"); hint(); },
  e: () => { go("repair"); const a = $("lines"); if (a) a.focus(); }, "?": () => $("help").open = !$("help").open };
const running = { r: () => act("r"), u: undo, R: begin, g: far, n: next, "[": () => other(-1), "]": () => other(1), v: () => act("fa"), w: () => act("fb"),
  ArrowLeft: () => look(-1), ArrowRight: () => look(1), Home: () => look(-Infinity), End: () => look(Infinity) };
addEventListener("keydown", e => {
  const at = e.target.tagName;
  if (e.ctrlKey || e.metaKey || e.altKey || at === "TEXTAREA") return;
  if (e.key >= "1" && e.key <= "5" && e.key.length === 1) return go(PARTS[+e.key - 1]);
  if (at === "INPUT" && e.target.type === "range" && e.key.startsWith("Arrow")) return;
  if (part === "run" && run.got && lesson.program) {
    const n = run.got.processes.length, i = e.key.length === 1 ? "abcd".indexOf(e.key.toLowerCase()) : -1;
    if (i >= 0 && i < n) return act((e.key === "abcd"[i] ? "" : "X") + "abcd"[i]);
    if (running[e.key]) { e.preventDefault(); return running[e.key](); }
  }
  if (part === "predict" && e.key.length === 1 && "abcdefg".includes(e.key)) {
    const box = $("main").querySelectorAll("fieldset:last-of-type input:enabled")["abcdefg".indexOf(e.key)];
    return box && box.click();
  }
  if (part === "repair" && e.key === "n" && coming.length) { go("run"); return say("The counterexample: n is its next step."); }
  if (e.key === "Enter" && !["BUTTON", "A", "SUMMARY"].includes(at)) {
    const submit = part === "predict" ? [...$("main").querySelectorAll("fieldset > button")].pop() : null;
    e.preventDefault();
    return submit ? submit.click() : goOn();
  }
  if (anywhere[e.key]) { e.preventDefault(); anywhere[e.key](); }
});
addEventListener("hashchange", () => { const at = linked(location.hash); if (at) { $("list").open = false; open(at); $("main").focus(); } });
open(linked(location.hash) || { id: "" });
