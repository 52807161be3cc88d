// The form that asks for an API key, where the service wants one or somebody has another.

import { key } from "./api.js";
import { $ } from "./dom.js";

export function askForKey() {
  $("key-form").hidden = false;
  $("key").value = key.get();
  $("key").focus();
}

/** Keep a key that is given, and then act. */
export function whenKeyIsGiven(act) {
  $("use-key").addEventListener("click", askForKey);
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    key.set($("key").value.trim());
    $("key-form").hidden = true;
    act();
  });
}
