// The service, as this page asks it. Every path is relative, so that a proxy may have a prefix.

const STORED = "lookalike.key";
const RETRIES = 3;

/** A request that was refused, with what its problem document says. */
export class Problem extends Error {
  constructor(status, { type = "", title = "The service failed", detail = "" }, retryAfter = null) {
    super(title);
    this.status = status;
    this.kind = type.split(":").pop();
    this.detail = detail;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may well be answered in a while. */
  get passes() {
    return this.status === 429 || this.status === 503;
  }

  get wantsKey() {
    return this.status === 401;
  }
}

export const key = {
  get: () => sessionStorage.getItem(STORED) ?? "",
  set: (text) => (text ? sessionStorage.setItem(STORED, text) : sessionStorage.removeItem(STORED)),
};

/** Ask; give the response, or throw a Problem. */
async function ask(path, { headers = {}, ...options } = {}) {
  const sent = key.get() ? { ...headers, Authorization: `Bearer ${key.get()}` } : headers;
  let response;
  try {
    response = await fetch(path, { ...options, headers: sent, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const title = "The service cannot be reached";
    throw new Problem(0, { title, detail: "It may be stopped, or the network is down." });
  }
  if (response.ok) return response;
  const later = Number(response.headers.get("Retry-After"));
  const document = await response.json().catch(() => ({}));
  throw new Problem(response.status, document, later || null);
}

/** Search; `query` is as of query.js. */
export async function search(query, page, signal) {
  const { source, ...rest } = query;
  const parameters = { ...rest, ...page, exclude_self: true };
  return (await post("search", source, parameters, signal)).json();
}

/** Send a picture of the index as JSON, or a file as a form. */
function post(path, source, parameters, signal) {
  if (source.id !== undefined) {
    const body = JSON.stringify({ id: source.id, ...parameters });
    const headers = { "Content-Type": "application/json" };
    return ask(path, { method: "POST", body, headers, signal });
  }
  const body = new FormData();
  body.set("image", source.file);
  for (const [name, value] of Object.entries(parameters)) {
    body.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return ask(path, { method: "POST", body, signal });
}

/** Ask which parts of a query's picture made a hit be found. */
export async function explain({ source, box }, hit, signal) {
  const parameters = { hits: [hit], ...(box ? { box } : {}) };
  return (await post("explain", source, parameters, signal)).json();
}

/** What an operator asks, with a key of the scope admin. */
export const operate = {
  models: async () => (await ask("models")).json(),
  versions: async () => (await ask("index/versions")).json(),
  rollBack: async (version) => {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ version });
    return (await ask("index/rollback", { method: "POST", body, headers })).json();
  },
  quarantine: async (type, k, offset) => {
    const asked = new URLSearchParams({ k, offset, ...(type === null ? {} : { type }) });
    return (await ask(`quarantine?${asked}`)).json();
  },
  image: async (id, size, signal) =>
    (await ask(`quarantine/${pathOf(id)}/image?size=${size}`, { signal })).blob(),
};

export const index = async () => (await ask("index")).json();

/** Give a picture's path below pictures/. */
function pathOf(id) {
  // A browser would take empty and dotted parts out of a path.
  const parts = id.split("/");
  if (parts.some((part) => /^\.{0,2}$/.test(part))) return encodeURIComponent(id);
  return parts.map(encodeURIComponent).join("/");
}

/** Give a picture as a blob; wait a little where the service is busy. */
export async function image(id, size, signal) {
  for (let tried = 0; ; tried++) {
    try {
      const response = await ask(`pictures/${pathOf(id)}/image?size=${size}`, { signal });
      return await response.blob();
    } catch (error) {
      if (!error.passes || tried === RETRIES) throw error;
      await pause((error.retryAfter ?? 1) * 1000 * (1 + Math.random()), signal);
    }
  }
}

/** Wait, unless told not to any more. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("no longer wanted", "AbortError"));
    });
  });
}
