// A part of the picture that is looked for: dragged over it, or set by four sliders.

import { $, make, percent } from "./dom.js";
import { WHOLE } from "./query.js";

const LEAST = 0.05;
const STEP = 0.01;
const NAMES = { left: "Left", top: "Top", right: "Right", bottom: "Bottom" };

/**
 * Have the picture's part chosen; `chosen` is told of it, null for the whole picture, and whether
 * it may be one of many on a slider's way.
 */
export class Part {
  #sliders = {};
  #box = WHOLE;
  #chosen;

  constructor(chosen) {
    this.#chosen = chosen;
    for (const [side, name] of Object.entries(NAMES)) this.#addSlider(side, name);
    $("whole").addEventListener("click", () => {
      $("part").firstElementChild.focus(); // the button is about to be disabled
      this.#choose(WHOLE);
    });
    $("picture").addEventListener("pointerdown", (event) => this.#drag(event));
    $("part").addEventListener("toggle", () => $("picture").classList.toggle("drawn", $("part").open));
    this.show(null);
  }

  /** Show a part that was chosen elsewhere, as by going back. */
  show(box) {
    this.#box = box ?? WHOLE;
    if (box) $("part").open = true;
    this.#draw();
  }

  #addSlider(side, name) {
    const said = make("span", { "aria-hidden": true }); // the slider says it too
    const slider = make("input", { type: "range", min: 0, max: 1, step: STEP, id: `side-${side}` });
    slider.addEventListener("input", () => this.#move(side, Number(slider.value)));
    slider.addEventListener("change", () => this.#choose(this.#box, true));
    this.#sliders[side] = { slider, said };
    $("sides").append(make("label", { htmlFor: slider.id }, name, said), slider);
  }

  #move(side, value) {
    const box = { ...this.#box, [side]: value };
    if (side === "left") box.left = Math.min(value, box.right - LEAST);
    if (side === "right") box.right = Math.max(value, box.left + LEAST);
    if (side === "top") box.top = Math.min(value, box.bottom - LEAST);
    if (side === "bottom") box.bottom = Math.max(value, box.top + LEAST);
    this.#box = rounded(box);
    this.#draw();
  }

  #drag(begun) {
    if (begun.button !== 0 || !begun.isPrimary) return;
    // A finger scrolls, unless a part is what is wanted.
    if (begun.pointerType === "touch" && !$("part").open) return;
    begun.preventDefault();
    const [frame, before] = [$("picture"), this.#box];
    const from = placeIn(frame, begun);
    const moved = (event) => {
      if (event.pointerId !== begun.pointerId) return;
      const to = placeIn(frame, event);
      this.#box = rounded({
        left: Math.min(from.x, to.x),
        top: Math.min(from.y, to.y),
        right: Math.max(from.x, to.x),
        bottom: Math.max(from.y, to.y),
      });
      this.#draw();
    };
    const ended = (event) => {
      if (event.pointerId !== begun.pointerId) return;
      frame.removeEventListener("pointermove", moved);
      for (const name of ["pointerup", "pointercancel"]) frame.removeEventListener(name, ended);
      const { left, top, right, bottom } = this.#box;
      const isPart = right - left >= LEAST && bottom - top >= LEAST;
      if (event.type === "pointerup" && isPart && this.#box !== before) this.#choose(this.#box);
      else this.show(before === WHOLE ? null : before); // a click, and no part
    };
    frame.setPointerCapture(begun.pointerId);
    frame.addEventListener("pointermove", moved);
    for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, ended);
  }

  #choose(box, moving = false) {
    const isWhole = Object.entries(WHOLE).every(([side, value]) => box[side] === value);
    this.show(isWhole ? null : box);
    this.#chosen(isWhole ? null : box, moving);
  }

  #draw() {
    const { left, top, right, bottom } = this.#box;
    const isWhole = this.#box === WHOLE;
    $("box").hidden = $("whole").disabled = isWhole;
    Object.assign($("box").style, {
      left: `${100 * left}%`,
      top: `${100 * top}%`,
      width: `${100 * (right - left)}%`,
      height: `${100 * (bottom - top)}%`,
    });
    for (const [side, { slider, said }] of Object.entries(this.#sliders)) {
      slider.value = this.#box[side];
      slider.setAttribute("aria-valuetext", percent(this.#box[side]));
      said.textContent = percent(this.#box[side]);
    }
  }
}

function placeIn(frame, event) {
  const { left, top, width, height } = frame.getBoundingClientRect();
  const within = (value) => Math.min(1, Math.max(0, value));
  return { x: within((event.clientX - left) / width), y: within((event.clientY - top) / height) };
}

function rounded(box) {
  return Object.fromEntries(Object.entries(box).map(([side, n]) => [side, Number(n.toFixed(3))]));
}
