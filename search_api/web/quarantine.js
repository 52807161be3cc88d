// The pictures without a vector, by their reasons, a page at a time.

import { operate } from "./api.js";
import { $, make } from "./dom.js";

const PAGE = 60;
const SIZE = 256;
// What says of a picture itself that there is none to be shown, now or later.
const NO_PICTURE = [400, 404];

const number = new Intl.NumberFormat();

/** Shows them; what a click asks for is handed to `act`, which says what went wrong. */
export class Quarantine {
  #act;
  #type = null; // of those that are shown
  #shown = 0;
  #wanted = new AbortController(); // of all that is asked for what is shown
  #urls = [];
  #seen;

  constructor(act) {
    this.#act = act;
    $("more").addEventListener("click", () => act(() => this.#more()));
  }

  /** Show the first ones of a type, or of all, in place of whatever is shown or on its way. */
  async show(type = this.#type) {
    this.#clear();
    this.#type = type;
    await this.#more();
  }

  /** Take all away, and whatever of it is on its way. */
  #clear() {
    this.#wanted.abort();
    this.#wanted = new AbortController();
    this.#urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
    this.#seen?.disconnect();
    this.#seen = new IntersectionObserver((entries) => this.#drawSeen(entries), {
      rootMargin: "400px",
    });
    this.#shown = 0;
    $("pictures").replaceChildren();
    $("more").hidden = $("none").hidden = true;
  }

  async #more() {
    const { signal } = this.#wanted;
    $("more").disabled = true;
    try {
      const told = await operate.quarantine(this.#type, PAGE, this.#shown);
      if (!signal.aborted) this.#add(told);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (!signal.aborted) $("more").disabled = false;
    }
  }

  #add({ types, pictures }) {
    const all = Object.values(types).reduce((sum, count) => sum + count, 0);
    $("none").hidden = all > 0;
    $("types").replaceChildren(...(all ? this.#chips(types, all) : []));
    $("pictures").append(...pictures.map((picture) => this.#item(picture)));
    this.#shown += pictures.length;
    $("more").hidden = this.#shown >= (this.#type === null ? all : (types[this.#type] ?? 0));
  }

  #chips(types, all) {
    return [[null, all], ...Object.entries(types)].map(([name, count]) => {
      const chip = make("button", { type: "button" }, `${name ?? "all"} ${number.format(count)}`);
      chip.setAttribute("aria-pressed", name === this.#type);
      chip.addEventListener("click", () => this.#act(() => this.show(name)));
      return chip;
    });
  }

  #item(picture) {
    const frame = make("span", { className: "frame" });
    frame.of = picture.id;
    this.#seen.observe(frame);
    return make(
      "li",
      {},
      frame,
      make("strong", {}, picture.id),
      make("div", { className: "quiet" }, `${picture.type}: ${picture.detail}`),
    );
  }

  #drawSeen(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#seen.unobserve(target);
      this.#draw(target);
    }
  }

  async #draw(frame) {
    const { signal } = this.#wanted;
    try {
      const blob = await operate.image(frame.of, SIZE, signal);
      if (signal.aborted) return;
      const url = URL.createObjectURL(blob);
      this.#urls.push(url);
      frame.append(make("img", { src: url, alt: "" }));
    } catch (error) {
      if (signal.aborted) return;
      const gone = NO_PICTURE.includes(error.status) ? "It cannot be shown." : error.message;
      frame.append(make("span", { className: "gone" }, gone));
    }
  }
}
