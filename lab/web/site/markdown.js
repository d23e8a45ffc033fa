// The little Markdown that lessons use, as nodes; never as HTML.
function inline(text) {
  const out = [];
  for (const part of text.split(/(`[^`]*`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*)/)) {
    if (part.length > 2 && part.startsWith("`")) out.push(el("code", "", part.slice(1, -1)));
    else if (part.length > 4 && part.startsWith("**")) out.push(el("b", "", ...inline(part.slice(2, -2))));
    else if (part.length > 2 && part.startsWith("*")) out.push(el("i", "", ...inline(part.slice(1, -1))));
    else if (part) out.push(part);
  }
  return out;
}
function markdown(text) {
  const out = [], lines = text.split("\n");
  let words = [], list = null;
  const flush = () => { if (words.length) out.push(el("p", "", ...inline(words.join(" ")))); words = []; list = null; };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i], item = line.match(/^(-|\d+\.) (.*)/), head = line.match(/^#+ (.*)/);
    if (line.trimStart().startsWith("```") || line.startsWith("|")) {
      flush();
      const fence = !line.startsWith("|"), block = fence ? [] : [line];
      while (++i < lines.length && (fence ? !lines[i].trimStart().startsWith("```") : lines[i].startsWith("|"))) block.push(lines[i]);
      if (!fence) i--;
      const pre = el("pre", "", block.join("\n"));
      pre.tabIndex = 0;
      out.push(pre);
    } else if (head) { flush(); out.push(el("h2", "", ...inline(head[1]))); }
    else if (item) {
      if (!list) { flush(); list = el(item[1] === "-" ? "ul" : "ol"); out.push(list); }
      list.append(el("li", "", ...inline(item[2])));
    } else if (!line.trim()) flush();
    else if (list && /^\s/.test(line)) list.lastChild.append(" ", ...inline(line.trim()));
    else { list = null; words.push(line.trim()); }
  }
  flush();
  return out;
}
