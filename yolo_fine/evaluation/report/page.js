// SPDX-License-Identifier: AGPL-3.0-or-later
// What the page does beyond showing: curve toggles, table sorting, cell contents, and the filters of the misses.
"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Curves: a checkbox each; the one under the pointer or focus stands out.
function showCurves() {
  for (const box of all(".legend input")) {
    for (const curve of all(`.pr [data-curve="${box.dataset.curve}"]`)) curve.toggleAttribute("hidden", !box.checked);
  }
}
for (const box of all(".legend input")) {
  box.addEventListener("change", showCurves);
  const mark = (on) => () => all(`.pr [data-curve="${box.dataset.curve}"]`).forEach((c) => c.classList.toggle("hot", on));
  const label = box.closest("label");
  label.addEventListener("pointerenter", mark(true));
  label.addEventListener("pointerleave", mark(false));
  label.addEventListener("focusin", mark(true));
  label.addEventListener("focusout", mark(false));
}
for (const button of all("[data-curves]")) {
  button.addEventListener("click", () => {
    for (const box of all(".legend input")) box.checked = button.dataset.curves === "all" || box.dataset.curve === "-1";
    showCurves();
  });
}
showCurves(); // a reloaded page keeps its checkboxes

// Tables: a heading sorts, metrics falling first, undefined ones always last.
for (const table of all("table.sortable")) {
  const headings = all("thead th", table);
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const falling = heading.hasAttribute("aria-sort") ? heading.ariaSort === "ascending" : column > 0;
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.ariaSort = falling ? "descending" : "ascending";
    const key = (row) => row.children[column].dataset.sort;
    const order = (a, b) => (column ? Number(a) - Number(b) : a.localeCompare(b)) * (falling ? -1 : 1);
    const rows = all("tbody tr", table);
    const defined = rows.filter((row) => key(row) !== "").sort((a, b) => order(key(a), key(b)));
    table.tBodies[0].append(...defined, ...rows.filter((row) => key(row) === ""));
  }));
}

// Confusion: shares of the row, or counts.
for (const button of all("[data-cells]")) {
  button.addEventListener("click", () => {
    all("[data-cells]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    document.querySelector(".confusion").classList.toggle("numbers", button.dataset.cells === "number");
  });
}

// A crop opens the whole image, with all its boxes and a frame where the crop was taken.
const viewer = document.getElementById("picture");
for (const button of all(".enlarge")) {
  button.addEventListener("click", () => {
    const card = button.closest(".miss").dataset;
    const held = document.querySelector(`#pictures [data-image="${card.image}"]`);
    const image = new Image();
    image.src = held.dataset.src;
    image.alt = `whole image ${held.dataset.name}`;
    const boxes = held.firstElementChild.cloneNode(true);
    const here = card.crop.split(" ");
    ["x", "y", "width", "height"].forEach((side, i) => boxes.lastElementChild.setAttribute(side, here[i]));
    viewer.querySelector(".frame").replaceChildren(image, boxes);
    viewer.querySelector(".said").textContent = held.dataset.name;
    viewer.showModal();
  });
}
if (viewer) viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });

// Misses: filters and order, kept in the address so that a view can be passed on.
const form = document.getElementById("filters");
if (form) {
  const gallery = document.getElementById("gallery");
  const cards = all(".miss", gallery);
  const named = (name) => form.elements.namedItem(name);
  const orders = {
    rank: (a, b) => a.rank - b.rank,
    score: (a, b) => b.score - a.score,
    large: (a, b) => b.side - a.side,
    small: (a, b) => a.side - b.side,
    iou: (a, b) => b.iou - a.iou,
  };
  const fits = (card) =>
    (!named("kind").value || card.kind === named("kind").value) &&
    (!named("size").value || card.size === named("size").value) &&
    (!named("class").value || card.classes.split(" ").includes(named("class").value));
  const show = () => {
    let shown = 0;
    for (const card of cards) {
      card.hidden = !fits(card.dataset);
      shown += card.hidden ? 0 : 1;
    }
    const order = orders[named("sort").value] || orders.rank;
    gallery.append(...cards.sort((a, b) => order(a.dataset, b.dataset) || a.dataset.rank - b.dataset.rank));
    gallery.classList.toggle("alone", !named("near").checked);
    named("shown").value = `${shown} of ${cards.length}`;
    document.getElementById("none-left").hidden = shown > 0;
  };
  const choices = ["kind", "class", "size", "sort"];
  const keep = () => {
    const chosen = new URLSearchParams(choices.map((name) => [name, named(name).value]).filter(([, value]) => value));
    history.replaceState(null, "", `#misses?${chosen}`);
  };
  const restore = () => {
    const [section, query] = location.hash.slice(1).split("?");
    if (section !== "misses" || query === undefined) return;
    const chosen = new URLSearchParams(query);
    for (const name of choices) {
      const value = chosen.get(name) || "";
      if ([...named(name).options].some((option) => option.value === value)) named(name).value = value;
    }
    document.getElementById("misses").scrollIntoView();
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => { show(); keep(); });
  window.addEventListener("hashchange", () => { restore(); show(); });
  restore();
  show();
}
