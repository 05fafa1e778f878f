"use strict";
// The page is complete without this: it filters and sorts what is there already.
const table = document.getElementById("ranking");
const body = table.tBodies[0];
const rows = [...body.rows];
const find = document.getElementById("find");
const name = document.getElementById("name");
const state = document.getElementById("state");
const found = document.getElementById("found");

function filter() {
  const wanted = name.value.trim().toLowerCase();
  let n = 0;
  for (const row of rows) {
    const text = row.querySelector(".name").textContent.toLowerCase();
    const fits = text.includes(wanted) && (!state.value || row.dataset.state === state.value);
    row.hidden = !fits;
    document.getElementById(row.dataset.card).hidden = !fits;
    n += fits;
  }
  found.textContent = n === rows.length ? `all ${n} features` : `${n} of ${rows.length} features`;
}

function sort(head, column) {
  const rising = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  const number = (text) => (text === "" ? NaN : Number(text));
  rows.sort((a, b) => {
    const [x, y] = [number(key(a)), number(key(b))];
    if (Number.isNaN(x) && Number.isNaN(y)) return key(a).localeCompare(key(b)) * (rising ? 1 : -1);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return (x - y) * (rising ? 1 : -1);
  });
  body.append(...rows);
}

[...table.tHead.rows[0].cells].forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  button.addEventListener("click", () => sort(head, column));
  head.replaceChildren(button);
});
name.addEventListener("input", filter);
state.addEventListener("change", filter);
find.addEventListener("submit", (event) => event.preventDefault());
find.hidden = false;
filter();

// On paper everything is open, and as it was before afterwards.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const details of closed) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
});
