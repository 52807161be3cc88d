// Rows of the operator's tables.

import { make } from "./dom.js";

/** Make a row of cells, of texts and elements. */
export function row(...cells) {
  const isCell = (one) => one instanceof HTMLTableCellElement;
  return make("tr", {}, ...cells.map((one) => (isCell(one) ? one : make("td", {}, one))));
}

export function states(one) {
  const named = [one.current && "current", one.served && "served"].filter(Boolean);
  return make("td", {}, ...named.map((state) => make("span", { className: "state" }, state)));
}

export function wrong(text, colSpan = 1) {
  return make("td", { className: "problem", colSpan }, text);
}

/** Put rows in the place of a table's; who was at a button of the former ones is at the table then. */
export function fill(body, rows) {
  const hadFocus = body.contains(document.activeElement);
  body.replaceChildren(...rows);
  if (hadFocus) body.closest(".table").focus({ preventScroll: true });
}
