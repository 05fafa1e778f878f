/* The theme, before anything is drawn and whenever it is chosen: an attribute that the style sheet reads. */
(() => {
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };

  /* A refresh by itself waits for the answers to the one before; however they end, they are counted off. */
  const ask = window.fetch;
  let awaited = 0;
  window.fetch = (...what) => {
    awaited += 1;
    return ask.apply(window, what).finally(() => { awaited -= 1; });
  };

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explorer: {
      theme: (theme) => { apply(theme); return theme; },
      due: (ticks) => (awaited ? window.dash_clientside.no_update : ticks),
    },
  });
})();

/* What is drawn again is given back the focus, how far it was scrolled and whether it was open, by its id. */
(() => {
  let focused = [];
  const places = new Map();

  document.addEventListener("focusin", ({ target }) => {
    focused = []; // and after it what it is in, in case that it goes away as a button that was pressed does
    for (let at = target; at; at = at.parentElement) if (at.id && at.tabIndex >= 0) focused.push(at.id);
  });
  document.addEventListener("focusout", ({ target }) => queueMicrotask(() => {
    // Left for nothing: not taken away, and not left for what has told of itself before this runs.
    if (target.isConnected && document.activeElement === document.body) focused = [];
  }));
  const keep = ({ target }) => {
    if (!target.id) return;
    places.set(target.id, { at: target, left: target.scrollLeft, top: target.scrollTop, open: target.open });
  };
  document.addEventListener("scroll", keep, true);
  document.addEventListener("toggle", keep, true);

  new MutationObserver(() => {
    for (const [id, place] of places) {
      const again = document.getElementById(id);
      if (!again || again === place.at) continue;
      place.at = again;
      if (place.open !== undefined) again.open = place.open;
      again.scrollTo(place.left, place.top);
    }
    if (document.activeElement !== document.body) return;
    focused.map((id) => document.getElementById(id)).find(Boolean)?.focus({ preventScroll: true });
  }).observe(document, { childList: true, subtree: true });
})();
