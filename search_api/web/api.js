// The service, as this page asks it. Every path is relative, so that a proxy may have a prefix.

import { keepVector, vectorOf } from "./vectors.js";

const STORED = "lookalike.key";
const RETRIES = 3;
const LONGEST = 30; // seconds that are waited unasked
// What is said of a vector once another model is served, or by a replica of another release.
const OUTDATED = ["other-model", "invalid-parameter"];

const UNREACHED = {
  title: "The service cannot be reached",
  detail: "It may be stopped, or the network is down.",
};
const STRANGE = {
  title: "The answer is not one of the service's",
  detail: "Something between may have given it, as a page to log in on does: reload this page.",
};
const UNREADABLE = {
  title: "The file can no longer be read",
  detail: "It was moved or changed since it was chosen: choose it again.",
};
const UNNAMED = { title: "No address can have such an id" };

/** A request that was refused, with what its problem document says; of status 0 if unanswered. */
export class Problem extends Error {
  constructor(status, document, retryAfter = null) {
    super(document.title ?? "The service failed");
    this.status = status;
    this.kind = String(document.type ?? "").split(":").pop();
    this.detail = document.detail ?? "";
    this.retryAfter = retryAfter;
    // Whether what was answered is not known, as where an answer was lost on its way.
    this.lost = [UNREACHED, STRANGE].includes(document);
    // Whether it may help that somebody tries again.
    this.again = this.passes || status >= 500 || this.lost;
  }

  /** Give an error as one; what is none comes from an answer that has not what it should. */
  static of(error) {
    if (error instanceof Problem) return error;
    console.error(error);
    return new Problem(0, STRANGE);
  }

  /** Whether the same request may well be answered in a while. */
  get passes() {
    return this.status === 429 || this.status === 503;
  }

  get wantsKey() {
    return this.status === 401;
  }
}

/** Act on what the browser keeps of this tab, where it keeps anything. */
function stored(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}

let given = stored((kept) => kept.getItem(STORED)) ?? "";

export const key = {
  get: () => given,
  set: (text) => {
    given = text;
    stored((kept) => (text ? kept.setItem(STORED, text) : kept.removeItem(STORED)));
  },
};

/** Ask; give the response, or throw a Problem. */
async function ask(path, { headers = {}, ...options } = {}) {
  const sent = key.get() ? { ...headers, Authorization: `Bearer ${key.get()}` } : headers;
  let response;
  try {
    response = await fetch(path, { ...options, headers: sent, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, UNREACHED);
  }
  if (response.ok) return response;
  const later = Number(response.headers.get("Retry-After"));
  throw new Problem(response.status, (await objectOf(response)) ?? STRANGE, later || null);
}

/** Ask for an object. */
async function askFor(path, options) {
  const told = await objectOf(await ask(path, options));
  if (told === null) throw new Problem(0, STRANGE);
  return told;
}

/** Give the object that a response is, or null. */
async function objectOf(response) {
  try {
    const told = await response.json();
    return told instanceof Object ? told : null;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error instanceof SyntaxError) return null;
    throw new Problem(0, UNREACHED);
  }
}

/** Ask again, a few times, what the service is too busy for; `waiting` is told of each try. */
export async function patiently(asking, signal, waiting = () => {}) {
  for (let tried = 0; ; tried++) {
    try {
      return await asking();
    } catch (error) {
      signal?.throwIfAborted();
      const least = Math.max(1, error.retryAfter ?? 1);
      if (!error.passes || tried === RETRIES || least > LONGEST) throw error;
      const seconds = least * (1 + Math.random() / 2); // not all at the same moment
      waiting(`${error.message}. Trying again in ${Math.ceil(seconds)} s…`);
      await pause(1000 * seconds, signal);
      waiting("");
    }
  }
}

/** Search; `query` is as of query.js. */
export async function search({ source, box, ...rest }, page, signal) {
  const parameters = { ...rest, ...page, exclude_self: true };
  const ofPart = box ? { ...parameters, box } : parameters;
  if (!source.file) return post("search", source, ofPart, signal);
  return (
    (await searchByVector(vectorOf(source.file, box), parameters, signal)) ??
    searchByFile(source.file, ofPart, signal)
  );
}

/** Search by what a file's vector is known to be; null where that is of no use any more. */
async function searchByVector(vector, parameters, signal) {
  if (!vector) return null;
  try {
    return await post("search", { vector }, parameters, signal);
  } catch (error) {
    if (OUTDATED.includes(error.kind)) return null;
    throw error;
  }
}

async function searchByFile(file, parameters, signal) {
  const answer = await post("search", { file }, { ...parameters, with_vector: true }, signal);
  keepVector(file, parameters.box, answer.vector);
  return answer;
}

/** Send a file as a form, and all else as JSON. */
async function post(path, source, parameters, signal) {
  if (!source.file) {
    const body = JSON.stringify({ ...source, ...parameters });
    const headers = { "Content-Type": "application/json" };
    return askFor(path, { method: "POST", body, headers, signal });
  }
  await read(source.file);
  const body = new FormData();
  body.set("image", source.file);
  for (const [name, value] of Object.entries(parameters)) {
    body.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return askFor(path, { method: "POST", body, signal });
}

/** See that a file is still there: a request would fail as one without a network does. */
async function read(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Problem(0, UNREADABLE);
  }
}

/** Ask which parts of a query's picture made a hit be found. */
export async function explain({ source, box }, hit, signal) {
  const parameters = { hits: [hit], ...(box ? { box } : {}) };
  return post("explain", source, parameters, signal);
}

/** What an operator asks, with a key of the scope admin. */
export const operate = {
  models: () => askFor("models"),
  versions: () => askFor("index/versions"),
  rollBack: (version) => {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ version });
    return askFor("index/rollback", { method: "POST", body, headers });
  },
  quarantine: (type, k, offset) => {
    const asked = new URLSearchParams({ k, offset, ...(type === null ? {} : { type }) });
    return askFor(`quarantine?${asked}`);
  },
  image: (id, size, signal) => imageAt(`quarantine/${pathOf(id)}/image?size=${size}`, signal),
};

export const index = () => askFor("index");

/** Give a picture's path below pictures/. */
function pathOf(id) {
  // A browser would take empty and dotted parts out of a path, however they are written.
  if (/^\.{0,2}$/.test(id)) throw new Problem(0, UNNAMED);
  const parts = id.split("/");
  if (parts.some((part) => /^\.{0,2}$/.test(part))) return encodeURIComponent(id);
  return parts.map(encodeURIComponent).join("/");
}

/** Give a picture as a blob; wait a little where the service is busy. */
export async function image(id, size, signal) {
  return imageAt(`pictures/${pathOf(id)}/image?size=${size}`, signal);
}

async function imageAt(path, signal) {
  return (await patiently(() => ask(path, { signal }), signal)).blob();
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
