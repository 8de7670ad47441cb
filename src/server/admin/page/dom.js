// Elements that stay while what they say changes: nothing is made anew that is there, so that focus and selection stay too.
// Text is only ever set as text.

import { visible } from "./format.js";

export const byId = (id) => document.getElementById(id);

// Says it, unless that is said already.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

export function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Text that strangers have a hand in.
export const foreign = (element, text) => say(element, visible(text));

// A number with its unit set smaller.
export function sayQuantity(element, [number, unit]) {
  if (!element.firstChild) element.append(make("span"), make("small"));
  say(element.firstChild, number);
  say(element.lastChild, unit === "/s" || unit === "" ? unit : `\u202f${unit}`);
}

// The children of `parent` become one for each item, in their order; the child of an item that stays is the same as before.
export function children(parent, items, keyOf, create, fill) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const used = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    let key = String(keyOf(item));
    // Two of the same name are two all the same.
    while (used.has(key)) key += "'";
    used.add(key);
    let child = known.get(key);
    known.delete(key);
    if (!child) {
      child = create(item);
      child.dataset.key = key;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    fill(child, item);
  }
  for (const child of known.values()) child.remove();
}

// A table of columns `{ name, label, className, fill(cell, item) }`; the first of them names the row.
export function table(element, columns, items, keyOf) {
  if (!element.tHead) {
    const row = element.createTHead().insertRow();
    for (const { label, className } of columns) {
      const cell = make("th", className, label);
      cell.scope = "col";
      row.append(cell);
    }
    element.createTBody();
  }
  const create = () => {
    const row = make("tr");
    columns.forEach(({ label, className }, index) => {
      const cell = make(index === 0 ? "th" : "td", className);
      if (index === 0) cell.scope = "row";
      cell.dataset.label = label;
      row.append(cell);
    });
    return row;
  };
  children(element.tBodies[0], items, keyOf, create, (row, item) => {
    columns.forEach(({ fill }, index) => fill(row.cells[index], item));
  });
}

// A list of `[name, value]` or `[name, fill(element)]`; an item without a value is left out.
export function facts(list, items) {
  const create = ([name]) => {
    const group = make("div");
    group.append(make("dt", "", name), make("dd"));
    return group;
  };
  const told = items.filter(([, value]) => value !== null && value !== undefined);
  children(list, told, ([name]) => name, create, (group, [, value]) => {
    if (typeof value === "function") value(group.lastChild);
    else say(group.lastChild, value);
  });
}

// How much of something is used, beside the numbers that say it.
export function meter(used, most, text) {
  return (element) => {
    if (!element.firstChild) {
      const bar = make("i", "meter");
      bar.append(make("i"));
      bar.setAttribute("aria-hidden", "true");
      element.append(make("span"), bar);
    }
    say(element.firstChild, text);
    const part = most ? Math.min(1, used / most) : 0;
    element.lastChild.firstChild.style.inlineSize = `${(part * 100).toFixed(1)}%`;
    element.lastChild.classList.toggle("high", part > 0.8);
  };
}
