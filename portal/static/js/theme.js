// Before the first paint: says that script is there, and applies a visitor's theme; whoever signs in has one of their own.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  if ("account" in root.dataset) return;
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "auto") delete root.dataset.theme;
    else if (theme) root.dataset.theme = theme;
  } catch { /* storage refused: the server's choice stands */ }
})();
