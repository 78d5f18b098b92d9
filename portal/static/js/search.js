// Suggestions while a search is typed: a combobox over the search box. Without it the box is a box.
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
    const space = text.endsWith(":") || after.startsWith(" ") || after.startsWith(")") ? "" : " ";
    input.value = before + space + after;
    close();
    input.setSelectionRange(before.length + space.length, before.length + space.length);
    input.focus();
    ask();
  };
  const show = (answer) => {
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
      const query = new URLSearchParams({ q: input.value, at });
      asking = new AbortController();
      try {
        const answer = await fetch(`${input.dataset.suggest}?${input.value.trim() ? query : ""}`, { signal: asking.signal });
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
