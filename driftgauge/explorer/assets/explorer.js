/* The theme, before anything is drawn and whenever it is chosen: an attribute that the style sheet reads. */
(() => {
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explorer: { theme: (theme) => { apply(theme); return theme; } },
  });

  /* What takes the focus of a dropdown is hidden from those who hear the page, and has no name: Dash 4.4. */
  const name = (target) => {
    const list = target.parentElement.querySelector("button[id]");
    if (!list) return;
    target.removeAttribute("aria-hidden");
    target.setAttribute("role", "combobox");
    target.setAttribute("aria-haspopup", "listbox");
    target.setAttribute("aria-expanded", list.getAttribute("aria-expanded") || "false");
    target.setAttribute("aria-labelledby", list.getAttribute("aria-labelledby"));
  };
  const watch = () => new MutationObserver(() =>
    document.querySelectorAll(".dash-dropdown-focus-target[aria-hidden]").forEach(name)
  ).observe(document.body, { childList: true, subtree: true });
  if (document.body) watch(); else document.addEventListener("DOMContentLoaded", watch);
})();
