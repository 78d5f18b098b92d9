// Conveniences of every page. Nothing here is needed: each page works without it.
const root = document.documentElement;
const announcer = document.getElementById("announcer");
const announce = (text) => { announcer.textContent = ""; requestAnimationFrame(() => { announcer.textContent = text; }); };

// Theme: at once here, then kept with the account; a visitor's stays in this browser.
const markTheme = () => {
  const current = root.dataset.theme || "auto";
  for (const choice of document.querySelectorAll("[data-theme-choice]"))
    choice.setAttribute("aria-pressed", String(choice.dataset.themeChoice === current));
};
const setTheme = (button) => {
  const theme = button.dataset.themeChoice;
  if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  markTheme();
  if ("account" in root.dataset) fetch(button.form.action, { method: "POST", body: new URLSearchParams(new FormData(button.form, button)), redirect: "manual" });
  else try { localStorage.setItem("theme", theme); } catch { /* storage refused: this page only */ }
};
markTheme();

// Copy.
const copyText = async (text) => {
  try { await navigator.clipboard.writeText(text); } catch {
    const area = document.createElement("textarea");
    area.value = text; area.className = "visually-hidden"; area.setAttribute("aria-hidden", "true");
    document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
  }
};
const copy = async (button) => {
  const { copy: text, copyLink } = button.dataset;
  await copyText(copyLink === undefined ? text : new URL(text, location.href).href);
  announce(announcer.dataset.copied);
  const symbol = button.querySelector("use");
  if (!symbol) return;
  const before = symbol.getAttribute("href");
  if (before.endsWith("#check")) return;
  symbol.setAttribute("href", before.replace(/#.*/, "#check"));
  button.classList.add("copied");
  setTimeout(() => { symbol.setAttribute("href", before); button.classList.remove("copied"); }, 1500);
};

// A confirmation page shown in place: the same page, the same form. Anything unexpected follows the link.
const dialog = document.getElementById("dialog");
const openDialog = async (link) => {
  link.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const form = page.querySelector("[data-confirm]");
    if (!answer.ok || answer.redirected || !form) { location.assign(link.href); return; }
    dialog.querySelector("h2").textContent = page.querySelector("h1").textContent.trim();
    dialog.querySelector(".dialog-body").replaceChildren(document.adoptNode(form));
    dialog.showModal();
    (form.querySelector("[data-autofocus]") || form.querySelector("[data-dialog-close]"))?.focus();
  } catch { location.assign(link.href); } finally { link.removeAttribute("aria-busy"); }
};
const help = document.getElementById("help");
const closeMenus = (except) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) if (menu !== except) menu.open = false;
};

const plainClick = (event) => !(event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
document.addEventListener("click", (event) => {
  const hit = (selector) => event.target.closest(selector);
  let found;
  closeMenus(hit("details[data-menu]"));
  if (!plainClick(event)) return;
  if ((found = hit("[data-copy]"))) copy(found);
  else if ((found = hit("[data-theme-choice]"))) { event.preventDefault(); setTheme(found); }
  else if ((found = hit("[data-dismiss]"))) found.closest(".notice").remove();
  else if ((found = hit("a[data-get]"))) {
    event.preventDefault();
    ask(found.closest(found.dataset.into), found.dataset).then((worked) => { if (!worked) location.assign(found.href); });
  }
  else if (hit("[data-help]")) { closeMenus(); help.showModal(); }
  else if (dialog.open && (found = hit("[data-dialog-close]"))) { event.preventDefault(); dialog.close(); }
  else if ((found = hit("[data-dialog-close]")) && found.closest("dialog")) found.closest("dialog").close();
  else if ((found = hit("a[data-dialog]"))) { event.preventDefault(); openDialog(found); }
  else if (event.target instanceof HTMLDialogElement) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && event.clientX) event.target.close();
  }
});

// One submission per form; the button says what is going on. Back and forward give it back.
document.addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter;
  if (form.dataset.busy) { event.preventDefault(); return; }
  if (!button?.dataset.busyLabel) return;
  form.dataset.busy = "true";
  setTimeout(() => {
    const label = button.querySelector("span") || button;
    button.dataset.label = label.textContent;
    label.textContent = button.dataset.busyLabel;
    button.disabled = true;
    announce(button.dataset.busyLabel);
  });
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-busy]")) delete form.dataset.busy;
  for (const button of document.querySelectorAll("button[data-label]")) {
    (button.querySelector("span") || button).textContent = button.dataset.label;
    button.disabled = false; delete button.dataset.label;
  }
});
document.querySelector("[data-autofocus]")?.focus();

document.querySelector(".mainnav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

// How long ago.
const words = new Intl.RelativeTimeFormat(root.lang, { numeric: "auto" });
const ago = (when) => {
  const seconds = Math.round((when - Date.now()) / 1000), size = Math.abs(seconds);
  const [unit, length] = size < 60 ? ["second", 1] : size < 3600 ? ["minute", 60] : size < 86400 ? ["hour", 3600] : ["day", 86400];
  return words.format(Math.round(seconds / length), unit);
};
setInterval(() => {
  for (const time of document.querySelectorAll("time[data-relative]")) time.textContent = ago(new Date(time.dateTime));
}, 30000);

// Parts that arrive by themselves: data-get asks at once, every so many seconds with data-every; on a link, when it is
// pressed, for the place that data-into names. data-swap: the place itself ("outer") or nothing ("none") instead of its
// content; data-select: this part of the answer. The old content stays, dimmed; after three failures the page says its age.
let failures = 0, fresh = Date.now();
const stale = document.getElementById("stale");
const polled = (worked) => {
  if (worked) { failures = 0; fresh = Date.now(); stale.hidden = true; return; }
  failures += 1;
  if (failures < 3) return;
  const age = stale.querySelector("time");
  age.dateTime = new Date(fresh).toISOString(); age.textContent = ago(fresh); age.setAttribute("data-relative", "");
  stale.hidden = false;
};
document.addEventListener("portal:polled", (event) => polled(event.detail));
const fill = (place, html, { swap, select }) => {
  if (swap === "none") return;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const parts = select ? [holder.content.querySelector(select)] : [...holder.content.childNodes];
  const changed = [...place.querySelectorAll("input")].filter((box) => box.checked !== box.defaultChecked);
  if (swap === "outer") place.replaceWith(...parts); else place.replaceChildren(...parts);
  for (const { id, checked } of changed) { const box = document.getElementById(id); if (box) box.checked = checked; }
  document.dispatchEvent(new Event("portal:filled"));
};
const ask = async (place, { get, ...how }) => {
  place.setAttribute("aria-busy", "true");
  place.dataset.busyText ||= announcer.dataset.loading;
  let worked = false;
  try {
    const answer = await fetch(get, { headers: { "X-Fragment": "true" } });
    if (answer.headers.has("X-Reload")) { location.reload(); return true; }
    worked = answer.ok && !answer.redirected;
    if (worked) fill(place, await answer.text(), how);
  } catch { worked = false; }
  place.removeAttribute("aria-busy");
  polled(worked);
  return worked;
};
const begin = (place) => {
  place.dataset.begun = "";
  const again = async () => { await ask(place, place.dataset); if (place.isConnected) wait(); };
  const wait = () => setTimeout(again, place.dataset.every * 1000);
  if (place.dataset.every) wait(); else ask(place, place.dataset);
};
const beginAll = () => document.querySelectorAll("[data-get]:not(a, [data-begun])").forEach(begin);
document.addEventListener("portal:filled", beginAll);
beginAll();

// Keyboard. Silent while typing, with modifiers, and where preferences switch it off. No key changes anything.
const rows = () => [...document.querySelectorAll("table[data-rows] > tbody > tr")].filter((row) => row.querySelector("a[href]"));
const rowLink = (row) => row.querySelector("a[data-open]") || row.querySelector("a[href]");
const move = (step) => {
  const all = rows();
  if (!all.length) return;
  const here = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, here + step))];
  rowLink(next).focus();
  next.scrollIntoView({ block: "nearest" });
};
const press = (selector) => document.querySelector(selector)?.click();
const keys = {
  "/": () => { const box = document.querySelector("[data-search]") || document.querySelector("[data-search-global]"); box?.focus(); box?.select(); },
  "?": () => help?.showModal(),
  j: () => move(1),
  k: () => move(-1),
  l: () => press("[data-live]"),
  f: () => document.activeElement?.closest("tr, .panel")?.querySelector("[data-filter-in]")?.click(),
  "[": () => press('a[rel="prev"]'),
  "]": () => press('a[rel="next"]'),
};
let prefix = 0;
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector("details[data-menu][open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
    return;
  }
  const typing = event.target.isContentEditable || event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.shortcuts === "off") return;
  if (document.querySelector("dialog[open]")) return;
  if (event.timeStamp - prefix < 1200 && prefix) {
    prefix = 0;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  if (event.key === "g") { prefix = event.timeStamp; return; }
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

// A selection of rows: all at once, and how many.
const selection = document.querySelector("[data-selection]");
if (selection) {
  const boxes = () => [...document.querySelectorAll('input[form="selection"]')];
  const all = selection.querySelector("[data-select-all]"), told = selection.querySelector("[data-selected]");
  const count = () => {
    const n = boxes().filter((box) => box.checked).length;
    told.textContent = n ? told.dataset.some.replace("{n}", n) : told.dataset.none;
    all.checked = n > 0 && n === boxes().length; all.indeterminate = n > 0 && !all.checked;
    selection.querySelector("button").disabled = !n;
  };
  all.addEventListener("change", () => { for (const box of boxes()) box.checked = all.checked; count(); });
  document.addEventListener("change", (event) => { if (event.target.form === selection) count(); });
  addEventListener("pageshow", count);
}
