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
    const answer = await fetch(`${live.dataset.live}${separator}after=${encodeURIComponent(after)}`, { headers: { "HX-Request": "true" } });
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
