// The pictures that were found, in rows that fill the width.

import { image } from "./api.js";
import { $, make, percent } from "./dom.js";
import { addressOf } from "./query.js";

const SIZE = 384; // pixels of the longer side: twice a row's height, for dense screens

// Width by height; a picture beyond them has a margin, so that its neighbours keep a size.
const SHAPES = [0.6, 3];

const within = ([least, most], value) => Math.min(most, Math.max(least, value));

/** Shows hits; tells of clicks on one (`clicked`), and on the button that asks why (`asked`). */
export class Results {
  #clicked;
  #asked;
  #explains = false;
  #stopped = new AbortController();
  #urls = [];
  #seen;

  constructor({ clicked, asked }) {
    this.#clicked = clicked;
    this.#asked = asked;
    this.clear();
  }

  /** Have a button at each hit that asks why it was found, or none. */
  offerWhy(explains) {
    this.#explains = explains;
    for (const item of $("results").children) {
      explains ? this.#addWhy(item) : item.querySelector(".why")?.remove();
    }
  }

  #addWhy(item) {
    if (item.querySelector(".why")) return;
    const { hit, rank } = item;
    const name = `Why? Number ${rank}, ${hit.label ?? hit.id}`;
    const why = make("button", { type: "button", className: "why", "aria-label": name }, "Why?");
    why.setAttribute("aria-pressed", false);
    why.addEventListener("click", () => this.#asked(why, item));
    item.append(why);
  }

  /** Take all away, and whatever of it still loads. */
  clear() {
    this.#stopped.abort();
    this.#stopped = new AbortController();
    this.#urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
    this.#seen?.disconnect();
    this.#seen = new IntersectionObserver((entries) => this.#loadSeen(entries), {
      rootMargin: "400px",
    });
    if ($("results").contains(document.activeElement)) $("results").focus({ preventScroll: true });
    $("results").replaceChildren();
  }

  /** Add hits below those that there are; their links keep what `narrows` down. */
  add(hits, narrows) {
    const before = $("results").children.length;
    $("results").append(...hits.map((hit, n) => this.#item(hit, before + n + 1, narrows)));
  }

  #item(hit, rank, narrows) {
    const frame = make("span", { className: "frame" });
    const score = hit.score === null ? `distance ${hit.distance.toFixed(3)}` : percent(hit.score);
    const head = make(
      "span",
      { className: "label" },
      make("span", {}, hit.label ?? hit.id),
      make("span", { className: "score" }, score),
    );
    const attributes = Object.entries(hit.attributes ?? {})
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
    const href = addressOf({ source: { id: hit.id }, ...narrows });
    const link = make("a", { href, title: hit.id }, frame, head);
    if (attributes) link.append(make("span", { className: "attributes quiet" }, attributes));
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab of its own
      event.preventDefault();
      this.#clicked(hit.id);
    });
    const item = make("li", { className: "waiting" }, link);
    Object.assign(item, { hit, rank });
    if (this.#explains) this.#addWhy(item);
    this.#seen.observe(item);
    return item;
  }

  #loadSeen(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#seen.unobserve(target);
      this.#load(target, target.hit);
    }
  }

  async #load(item, hit) {
    const frame = item.querySelector(".frame");
    const { signal } = this.#stopped;
    try {
      const shown = await this.#shown(await image(hit.id, SIZE, signal), hit);
      if (signal.aborted) return;
      const shape = within(SHAPES, shown.naturalWidth / shown.naturalHeight);
      item.style.flex = `${shape} 1 calc(${shape} * var(--row))`;
      frame.style.aspectRatio = shape;
      frame.append(shown);
    } catch (error) {
      if (signal.aborted) return;
      frame.append(make("span", { className: "gone" }, `${hit.id}: ${error.message}`));
    }
    item.classList.remove("waiting");
  }

  async #shown(blob, hit) {
    const url = URL.createObjectURL(blob);
    this.#urls.push(url);
    // The link says its label and score; what the picture shows besides, nobody has told.
    const shown = make("img", { src: url, alt: hit.label ? `A picture of ${hit.label}` : "A picture" });
    await shown.decode();
    return shown;
  }
}
