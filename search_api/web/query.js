// What is asked: a source ({id} or {file}), a box, a filter and a least score.

/** The box that is a whole picture. */
export const WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };

/** Give the address of this page that asks the same; of a file none can. */
export function addressOf(query) {
  if (query.source.id === undefined) return location.pathname;
  const parameters = new URLSearchParams({ id: query.source.id });
  for (const name of ["box", "filter"]) {
    if (query[name]) parameters.set(name, JSON.stringify(query[name]));
  }
  if (query.min_score) parameters.set("min_score", query.min_score);
  return `?${parameters}`;
}

/** Read a query from an address, or give null where it asks nothing. */
export function queryOf(address) {
  const parameters = new URLSearchParams(address);
  if (!parameters.has("id")) return null;
  const query = { source: { id: parameters.get("id") } };
  const box = boxOf(parsed(parameters.get("box")));
  if (box) query.box = box;
  const filter = parsed(parameters.get("filter"));
  if (filter) query.filter = filter;
  const least = Number(parameters.get("min_score"));
  if (least > 0 && least <= 1) query.min_score = least;
  return query;
}

/** Take a value for a box if it is one, and nothing besides. */
function boxOf(value) {
  const { left, top, right, bottom } = value ?? {};
  const isRange = (first, last) =>
    Number.isFinite(first) && Number.isFinite(last) && 0 <= first && first < last && last <= 1;
  return isRange(left, right) && isRange(top, bottom) ? { left, top, right, bottom } : null;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
