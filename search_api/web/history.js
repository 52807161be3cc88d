// What was asked, kept with the entries of the browser's history, for going back to it.

import { addressOf, queryOf } from "./query.js";

const MOST_FILES = 20;

// By keys that no other load of this page gives, so that none is taken for another after a reload.
const files = new Map();

/** Make an entry of what is asked, or have it take the place of the newest one. */
export function remember(query, replacing) {
  history[replacing ? "replaceState" : "pushState"](stateOf(query), "", addressOf(query));
}

/** Give what the entry asks, null for nothing, and whether its file is no longer at hand. */
export function recalled() {
  const asked = history.state ?? stateOf(queryOf(location.search));
  const key = asked.source?.file;
  if (key === undefined) return { query: asked.source ? asked : null, lost: false };
  const file = files.get(key);
  return { query: file ? { ...asked, source: { file } } : null, lost: !file };
}

/** Have the entry that the page is at ask this, as where only a link within the page led there. */
export function keep(query) {
  history.replaceState(stateOf(query), "");
}

/** Whether a query is what the entry asks that the page is at. */
export function isShown(query) {
  return JSON.stringify(stateOf(query)) === JSON.stringify(history.state);
}

function stateOf(query) {
  if (!query?.source.file) return query ?? {};
  return { ...query, source: { file: keyOf(query.source.file) } };
}

function keyOf(file) {
  const known = [...files.keys()].find((key) => files.get(key) === file);
  if (known) return known;
  // Not randomUUID(), which pages have by https alone.
  const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  files.set(key, file);
  if (files.size > MOST_FILES) files.delete(files.keys().next().value);
  return key;
}
