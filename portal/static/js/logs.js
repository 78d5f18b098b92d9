// The explorer: rows that open in place, the chart that zooms. Links do the same without script.

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
      const answer = await fetch(link.dataset.expand, { headers: { "HX-Request": "true" } });
      if (!answer.ok || answer.redirected) { location.assign(link.href); return; }
      detail = document.createElement("tr");
      detail.className = "detail";
      const cell = detail.insertCell();
      cell.colSpan = columns(row);
      cell.innerHTML = await answer.text();
      row.after(detail);
      globalThis.htmx?.process(cell);
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
document.addEventListener("htmx:afterSettle", (event) => wireCharts(event.detail.elt.parentElement || document));

// Boxes that were changed before their counts arrived stay as they are.
document.addEventListener("htmx:beforeSwap", (event) => {
  const place = event.detail.target;
  if (!place.matches("[data-facets]")) return;
  const changed = [...place.querySelectorAll("input")].filter((box) => box.checked !== box.defaultChecked);
  place.addEventListener("htmx:afterSettle", () => {
    for (const box of changed) { const now = document.getElementById(box.id); if (now) now.checked = box.checked; }
  }, { once: true });
});
