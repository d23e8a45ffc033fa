"use strict";
// The engine has a thread of its own, so that marking does not freeze the page. A worker by its own file is not allowed to a page that
// was opened from a disk, so its text is this function's.
function worker() {
  let engine = null, module = null;
  const start = () => engine = new WebAssembly.Instance(module, {}).exports;
  const answer = question => {
    const bytes = new TextEncoder().encode(question);
    // Memory that grew has another buffer: it is asked for after each call.
    const room = engine.room(bytes.length);
    new Uint8Array(engine.memory.buffer, room, bytes.length).set(bytes);
    const at = engine.ask(), length = engine.answered();
    return new TextDecoder().decode(new Uint8Array(engine.memory.buffer, at, length));
  };
  onmessage = e => {
    if (e.data.bytes) { module = new WebAssembly.Module(e.data.bytes); start(); return; }
    try { postMessage({ id: e.data.id, answer: answer(e.data.question) }); }
    // What is left of an engine that stopped in the middle is of no use.
    catch (why) { start(); postMessage({ id: e.data.id, failed: String(why) }); }
  };
}
// One engine: `ask` promises the answer, `stop` ends it in the middle of a search; the next question starts another one.
function Engine() {
  let thread = null, next = 0, open = new Map();
  const end = why => { if (thread) thread.terminate(); thread = null; for (const done of open.values()) done({ error: why }); open.clear(); };
  const begin = () => {
    const url = URL.createObjectURL(new Blob(["(" + worker + ")()"], { type: "text/javascript" }));
    thread = new Worker(url);
    URL.revokeObjectURL(url);
    thread.onerror = e => end("The engine does not start in this browser: " + (e.message || "workers or WebAssembly are not allowed."));
    thread.onmessage = e => { const done = open.get(e.data.id); open.delete(e.data.id);
      if (done) done(e.data.failed ? { error: "The engine stopped, probably for want of memory in this browser (" + e.data.failed + "). In a terminal, `tricine lab` has more." }
        : JSON.parse(e.data.answer)); };
    thread.postMessage({ bytes: Uint8Array.from(atob(ENGINE), c => c.charCodeAt(0)) });
  };
  return { stop: () => end("stopped"), ask: question => new Promise(done => {
    try { if (!thread) begin(); } catch (e) { done({ error: "The engine does not start in this browser: " + e }); return; }
    open.set(++next, done);
    thread.postMessage({ id: next, question: JSON.stringify(question) }); }) };
}
