// The explorers: rows that open in place, the chart that zooms, suggestions, the live tail. One file is one request.
// Links and plain boxes do the same without script.

// A link with data-expand opens its row below itself; data-expand is the address of the fragment.
const columns = (row) => [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0);
const closeRow = (link) => {
  const detail = link.closest("tr").nextElementSibling;
  if (detail?.classList.contains("detail")) detail.hidden = true;
  link.setAttribute("aria-expanded", "false");
};
const openRow = async (link) => {
  const row = link.closest("tr");
  let detail = row.nextElementSibling;
  if (!detail?.classList.contains("detail")) {
    link.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(link.dataset.expand, { headers: { "X-Fragment": "true" } });
      if (!answer.ok || answer.redirected) { location.assign(link.href); return; }
      detail = document.createElement("tr");
      detail.className = "detail";
      const cell = detail.insertCell();
      cell.colSpan = columns(row);
      cell.innerHTML = await answer.text();
      row.after(detail);
    } catch { location.assign(link.href); return; } finally { link.removeAttribute("aria-busy"); }
  }
  detail.hidden = false;
  link.setAttribute("aria-expanded", "true");
};
document.addEventListener("click", (event) => {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.defaultPrevented) return;
  const row = event.target.closest("tr[data-log-id]");
  const link = event.target.closest("a[data-expand]") || row?.querySelector("a[data-expand]");
  if (!link) return;
  const elsewhere = event.target.closest("a, button, input, label, summary");
  if (elsewhere && elsewhere !== link) return;
  if (!elsewhere && String(getSelection())) return;
  event.preventDefault();
  if (link.getAttribute("aria-expanded") === "true") closeRow(link); else openRow(link);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  const row = document.activeElement?.closest("tr.detail")?.previousElementSibling || document.activeElement?.closest("tr");
  const link = row?.querySelector('a[data-expand][aria-expanded="true"]');
  if (link) { closeRow(link); link.focus(); }
});

// Drag over the chart to zoom; hovering reads one bar.
// The table of its data says when each bar begins and ends: at a change of the clock they differ in length.
const wireChart = (chart) => {
  const brush = chart.querySelector("[data-brush]"), count = Number(chart.dataset.count);
  const figure = chart.closest("figure");
  const read = figure.querySelector("[data-chart-read]"), table = figure.querySelectorAll(".chart-data tbody tr");
  const bar = (event) => {
    const box = chart.getBoundingClientRect();
    return Math.max(0, Math.min(count - 1, Math.floor(((event.clientX - box.left) / box.width) * count)));
  };
  let start = null;
  const show = (first, last) => { brush.setAttribute("x", first * 10); brush.setAttribute("width", (last - first + 1) * 10); };
  chart.addEventListener("pointermove", (event) => {
    const here = bar(event);
    if (start !== null) show(Math.min(start, here), Math.max(start, here));
    const cells = [...(table[here]?.cells || [])];
    read.textContent = cells.filter((cell, n) => !n || cell.textContent.trim() !== "0")
      .map((cell, n) => (n ? `${cell.dataset.label} ${cell.textContent.trim()}` : cell.textContent.trim())).join(" · ");
  });
  chart.addEventListener("pointerleave", () => { read.textContent = ""; });
  if (!chart.dataset.zoom) return;
  chart.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = bar(event); show(start, start); chart.setPointerCapture(event.pointerId);
  });
  const cancel = () => { start = null; brush.setAttribute("width", 0); };
  chart.addEventListener("pointercancel", cancel);
  chart.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const end = bar(event), first = Math.min(start, end), last = Math.max(start, end);
    cancel();
    const from = encodeURIComponent(table[first].dataset.from), to = encodeURIComponent(table[last].dataset.to);
    location.assign(chart.dataset.zoom.replace("__FROM__", from).replace("__TO__", to));
  });
};
const wireCharts = (scope) => {
  for (const chart of scope.querySelectorAll("svg.bars[data-count]:not([data-wired])")) { chart.dataset.wired = ""; wireChart(chart); }
};
wireCharts(document);
document.addEventListener("portal:filled", () => wireCharts(document));

// Suggestions while a search is typed: a combobox over the search box. Without it the box is a box.
// data-suggest-in: the box holds values of this field alone, such as type: of the language.
const letters = (text) => [...text];
const wire = (input) => {
  const list = document.createElement("ul");
  list.id = `${input.id}-suggestions`;
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.labels[0]?.textContent || "");
  list.hidden = true;
  input.after(list);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", list.id]])
    input.setAttribute(name, value);
  const lead = input.dataset.suggestIn || "", plain = (text) => text.startsWith(lead) ? text.slice(lead.length) : text;
  let found = null, chosen = -1, timer = 0, asking = null;
  const close = () => {
    clearTimeout(timer); asking?.abort();
    list.hidden = true; found = null; chosen = -1;
    input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant");
  };
  const choose = (place) => {
    chosen = place;
    [...list.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === place)));
    const item = list.children[place];
    if (item) { input.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
    else input.removeAttribute("aria-activedescendant");
  };
  const take = (place) => {
    const all = letters(input.value), text = found.items[place].text;
    const before = all.slice(0, found.start).join("") + text, after = all.slice(found.end).join("");
    const space = lead || text.endsWith(":") || after.startsWith(" ") || after.startsWith(")") ? "" : " ";
    input.value = before + space + after;
    close();
    input.setSelectionRange(before.length + space.length, before.length + space.length);
    input.focus();
    ask();
  };
  const show = ({ items, ...place }) => {
    const [start, end] = [place.start, place.end].map((at) => Math.max(0, at - lead.length));
    const answer = { start, end, items: items.map(({ text }) => ({ text: plain(text) })) };
    const typed = letters(input.value).slice(answer.start, answer.end).join("");
    found = { ...answer, items: answer.items.filter((item) => item.text !== typed) };
    list.replaceChildren(...found.items.map((item, n) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${n}`;
      option.setAttribute("role", "option");
      option.textContent = item.text;
      return option;
    }));
    list.hidden = !found.items.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    choose(-1);
  };
  const ask = () => {
    clearTimeout(timer); asking?.abort();
    timer = setTimeout(async () => {
      const at = letters(input.value.slice(0, input.selectionStart)).length;
      const typed = lead + input.value, query = new URLSearchParams({ q: typed, at: at + lead.length });
      asking = new AbortController();
      try {
        const answer = await fetch(`${input.dataset.suggest}?${typed.trim() ? query : ""}`, { signal: asking.signal });
        if (answer.ok && !answer.redirected && document.activeElement === input) show(await answer.json()); else close();
      } catch (error) { if (error.name !== "AbortError") close(); }
    }, 120);
  };
  input.addEventListener("input", ask);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" && list.hidden) { event.preventDefault(); ask(); return; }
    if (list.hidden) return;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown") { event.preventDefault(); choose(chosen >= last ? 0 : chosen + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); choose(chosen <= 0 ? last : chosen - 1); }
    else if (event.key === "Enter" && chosen >= 0) { event.preventDefault(); take(chosen); }
    else if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); close(); }
  });
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const item = event.target.closest("li");
    if (item && event.button === 0) take([...list.children].indexOf(item));
  });
};
for (const input of document.querySelectorAll("input[data-suggest]")) wire(input);

// The live tail: new rows collect behind a button and never push what is being read. See logs/_follow.html.
const live = document.querySelector("[data-live]"), arrived = document.querySelector("[data-live-new]");
const EVERY = 3, SLOWEST = 60, MOST = 500, QUIET = 10000;

if (live && arrived) {
  const body = () => document.querySelector("table.table-log > tbody");
  const label = live.querySelector("span"), announcer = document.getElementById("announcer");
  let after = live.dataset.after, waiting = [], lost = false, timer = 0, wait = EVERY, announced = 0, on = false, asking = false;

  const paused = () => document.hidden || live.getBoundingClientRect().bottom < 0 || Boolean(document.querySelector("tr.detail:not([hidden])"));
  const say = () => {
    live.setAttribute("aria-pressed", String(on));
    label.textContent = on && paused() ? live.dataset.paused : live.dataset.on;
  };
  const words = () => lost ? arrived.dataset.most.replace("{n}", MOST)
    : waiting.length === 1 ? arrived.dataset.one : arrived.dataset.many.replace("{n}", waiting.length);
  const offer = () => {
    arrived.hidden = !waiting.length && !lost;
    if (arrived.hidden) return;
    arrived.textContent = words();
    if (Date.now() - announced < QUIET) return;
    announced = Date.now();
    announcer.textContent = words();
  };
  const take = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = `<table><tbody>${html}</tbody></table>`;
    const shown = (id) => document.getElementById(`log-${id}`);
    const rows = [...holder.content.querySelectorAll("tr[data-log-id]")].filter((row) => !shown(row.dataset.logId));
    waiting = [...rows, ...waiting];
    if (waiting.length > MOST) lost = true;
    waiting.length = Math.min(waiting.length, MOST);
  };
  // The place moves only with an answer that was read whole: whatever fails is asked for again.
  const ask = async () => {
    const separator = live.dataset.live.includes("?") ? "&" : "?";
    const answer = await fetch(`${live.dataset.live}${separator}after=${encodeURIComponent(after)}`, { headers: { "X-Fragment": "true" } });
    if (answer.status === 400) { lost = true; stop(); return false; }
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    take(await answer.text());
    after = answer.headers.get("X-Tail-After");
    return answer.headers.get("X-Tail-More") === "1" && !lost;
  };
  const tick = async () => {
    clearTimeout(timer);
    say();
    if (!on || asking) return;
    if (!paused()) {
      asking = true;
      try {
        while (await ask());
        wait = EVERY;
        document.dispatchEvent(new CustomEvent("portal:polled", { detail: true }));
      } catch {
        wait = Math.min(SLOWEST, wait * 2);
        document.dispatchEvent(new CustomEvent("portal:polled", { detail: false }));
      }
      asking = false;
      offer();
    }
    if (on) timer = setTimeout(tick, wait * 1000);
  };
  const stop = () => { on = false; clearTimeout(timer); say(); };

  live.addEventListener("click", () => { if (on) { stop(); return; } on = true; wait = EVERY; tick(); });
  arrived.addEventListener("click", () => {
    const table = body();
    if (lost || !table) { location.assign(live.dataset.restart); return; }
    const newest = waiting.sort((a, b) => b.querySelector("time").dateTime.localeCompare(a.querySelector("time").dateTime) || b.dataset.logId - a.dataset.logId);
    table.prepend(...newest);
    waiting = [];
    while (table.rows.length > MOST) table.rows[table.rows.length - 1].remove();
    offer();
    table.querySelector("a[href]")?.focus();
  });
  for (const moment of ["visibilitychange", "scroll", "click"])
    document.addEventListener(moment, () => { if (on && paused() === (label.textContent === live.dataset.on)) tick(); }, { passive: true });
}
