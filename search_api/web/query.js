// What is asked: a source ({id} or {file}), a box, a filter and a least score.

const NESTED = ["box", "filter"];

/** Give the address of this page that asks the same; of a file none can. */
export function addressOf(query) {
  if (query.source.id === undefined) return location.pathname;
  const parameters = new URLSearchParams({ id: query.source.id });
  for (const name of NESTED) {
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
  for (const name of NESTED) {
    const value = parsed(parameters.get(name));
    if (value) query[name] = value;
  }
  const least = Number(parameters.get("min_score"));
  if (least > 0 && least <= 1) query.min_score = least;
  return query;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
