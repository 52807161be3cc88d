// Why a picture was found: one question at a time, and its answer as colours and in words.

import { Problem, explain, patiently } from "./api.js";
import { $ } from "./dom.js";
import { drawHeat, hideHeat } from "./heat.js";

let asking = new AbortController();
let pressed = null; // the button of the question

/** Take the colours away, and await no answer. */
export function forgetWhy() {
  asking.abort();
  pressed?.setAttribute("aria-pressed", false);
  pressed = null;
  hideHeat();
  say("");
}

/** Colour what made a hit of a query be found; by the same button again, take it away. */
export async function showWhy(button, { hit, rank }, query) {
  const isAgain = button === pressed;
  forgetWhy();
  if (isAgain) return;
  asking = new AbortController();
  const { signal } = asking;
  pressed = button;
  button.setAttribute("aria-pressed", true);
  say("Asking…");
  try {
    const ask = () => explain(query, hit.id, signal);
    const explanation = await patiently(ask, signal, (waits) => say(waits || "Asking…"));
    if (signal.aborted) return;
    drawHeat(explanation, query.box);
    say(`The colours show what it has in common with number ${rank}, ${hit.label ?? hit.id}.`);
    $("picture").scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (signal.aborted) return;
    forgetWhy();
    const { message, detail } = Problem.of(error);
    say(`${message}. ${detail}`);
  }
}

function say(text) {
  $("why").textContent = text;
}
