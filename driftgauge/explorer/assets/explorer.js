/* The theme, before anything is drawn and whenever it is chosen: an attribute that the style sheet reads. */
(() => {
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explorer: { theme: (theme) => { apply(theme); return theme; } },
  });
})();
