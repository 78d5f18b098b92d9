// Before the first paint: says that script is there, and applies the theme chosen in this browser.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "auto") delete root.dataset.theme;
    else if (theme) root.dataset.theme = theme;
  } catch { /* storage refused: the server's choice stands */ }
})();
