// The form that asks for an API key, where the service wants one or somebody has another.

import { key } from "./api.js";
import { $ } from "./dom.js";

// What a header may hold; the browser itself says `title` where a key has anything else.
const SENT = {
  pattern: String.raw`[\x20-\x7e\xa0-\xff]*`,
  title: "A key has letters, digits and signs of Latin-1 alone.",
};

export function askForKey() {
  // Several requests may be refused, each in its time: what is typed by then stays.
  if (!$("key-form").hidden) return;
  show(true);
  $("key").value = key.get();
  $("key").focus();
}

export function hideKeyForm() {
  show(false);
}

function show(shown) {
  $("key-form").hidden = !shown;
  $("use-key").setAttribute("aria-expanded", shown);
}

/** Hide it by hand: focus must not be lost with it. */
function dismiss() {
  hideKeyForm();
  $("use-key").focus();
}

/** Keep a key that is given, and then act. */
export function whenKeyIsGiven(act) {
  Object.assign($("key"), SENT);
  $("use-key").addEventListener("click", () => ($("key-form").hidden ? askForKey() : dismiss()));
  $("key-form").addEventListener("keydown", (event) => {
    if (event.key === "Escape") dismiss();
  });
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    key.set($("key").value.trim());
    dismiss();
    act();
  });
}
