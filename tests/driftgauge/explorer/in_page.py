"""What tests have the page itself do and tell, in its own language."""

STANDING_STILL = 'localStorage["_dash_persistence.every.value.true"] = JSON.stringify(["off", "30 s"])'
"""No refresh by itself, as if it had been chosen before: tests say when there is one."""

SETTLED = """() => {
  if (!window.store) return true;
  const {stored, completed, ...queues} = store.getState().callbacks;
  return Object.values(queues).every((queue) => queue.length === 0);
}"""
"""Nothing is to be asked, asked, or answered and not yet in the page; as Dash's own tests tell."""

IS_DUE = "() => dash_clientside.explorer.due(1) === 1"
"""What the page asks itself at a tick."""

MARK = "parts => { for (const part of parts) document.querySelector(part).marked = true; }"
"""An element that is drawn again has no mark."""

FORGET = "parts => { for (const part of parts) dash_clientside.set_props(`${part}-shown`, {data: null}); }"
"""What a part shows by its digest, so that the next answer has all of it, changed or not."""

OPEN_AND_SCROLL = """() => Promise.all([["kinds", "toggle"], ["statistics-table", "scroll"]].map(
  ([id, event]) => new Promise((done) => {
    const part = document.getElementById(id);
    part.addEventListener(event, done);
    if (event === "toggle") part.open = true;
    else part.scrollTo(60, 0);
  })
))"""
"""Until the browser has told of both, as it does a moment later."""

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, under) => [0, 1, 2].map((i) => (top[i] * top[3] + under[i] * (255 - top[3])) / 255);
  const linear = (c) => c <= 10.31475 ? c / 255 / 12.92 : ((c / 255 + .055) / 1.055) ** 2.4;
  const light = (rgb) => rgb.reduce((sum, c, i) => sum + linear(c) * [.2126, .7152, .0722][i], 0);
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    if (!own || !box.width || !box.height || style.visibility === "hidden" || style.opacity === "0") continue;
    if (element.closest(".hidden, .skip, [hidden], footer")) continue;
    const svg = element instanceof SVGElement;
    const under = ground(svg ? element.closest("div") : element);
    const ink = light(over(rgba(svg ? style.fill : style.color), under)), paper = light(under);
    const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
    found.push([ratio, `${element.getAttribute("class")}: ${element.textContent.slice(0, 40)}`]);
  }
  return found;
}"""
"""Contrast of every visible text with what is behind it, from computed colours."""
