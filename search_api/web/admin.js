// The operator's page: versions of index and model, going back to one, pictures without a vector.

import { Problem, operate, pause } from "./api.js";
import { $, noticeOf } from "./dom.js";
import { askForKey, whenKeyIsGiven } from "./key_form.js";
import { showModels } from "./models.js";
import { Quarantine } from "./quarantine.js";
import { fill } from "./table.js";
import { showVersions } from "./versions.js";

const FOLLOW_MILLISECONDS = 1000; // replicas notice within seconds
const FOLLOWS = 30;

let newest = 0; // of what was asked to be served: who asked before says nothing any more
const last = new Map(); // of each section, the asking that counts: likewise

const quarantine = new Quarantine((work) => section("quarantine", work));

/** Show all of it anew: each section by itself, since what is out of order may be only one. */
async function load() {
  problem(null);
  say("Loading…");
  await Promise.all([
    section("versions", operate.versions, (told) => showVersions(told, serve)),
    section("models", operate.models, showModels),
    section("quarantine", () => quarantine.show()),
  ]);
  say("");
}

/** Have a section shown, with what was asked for or why there is nothing to show. */
async function section(name, ask, show = () => {}) {
  const mine = {};
  last.set(name, mine);
  const shown = $(`${name}-section`);
  const told = $(`${name}-problem`);
  told.replaceChildren();
  try {
    const answer = await ask();
    if (last.get(name) !== mine) return;
    show(answer);
    shown.hidden = false;
  } catch (raised) {
    if (last.get(name) !== mine) return;
    const error = Problem.of(raised);
    const rows = shown.querySelector("tbody");
    if (rows) fill(rows, []); // nobody acts on what is out of date
    shown.hidden = lacksKey(error);
    if (lacksKey(error)) problem(error);
    else told.append(noticeOf(error, "h3"));
  }
}

/** Have a version served, and wait until it is. */
async function serve(version) {
  const mine = ++newest;
  problem(null);
  say("Moving…");
  try {
    await operate.rollBack(version);
  } catch (raised) {
    const error = Problem.of(raised);
    problem(error);
    if (error.lost) say(`Whether ${version} is current now is not known: reload to see.`);
    return;
  }
  say(`${version} is current; waiting for this replica to serve it…`);
  const outcome = await follow(version, () => mine === newest);
  if (mine !== newest) return;
  await load();
  say(outcome);
}

/** Look until this replica serves a version, while that is wanted; say how that ended. */
async function follow(version, wanted) {
  let unknown = null;
  for (let tried = 0; tried < FOLLOWS; tried++) {
    if (tried) await pause(FOLLOW_MILLISECONDS);
    try {
      const told = await operate.versions();
      if (!wanted()) return "";
      unknown = null;
      showVersions(told, serve);
      if (told.versions.some((one) => one.version === version && one.served)) {
        return `${version} is served.`;
      }
    } catch (error) {
      unknown = Problem.of(error);
      if (!unknown.passes && !unknown.lost) break;
    }
  }
  if (unknown) {
    return `${version} was made current; whether this replica serves it is not known: ${unknown.message}.`;
  }
  return `${version} was made current; this replica does not serve it yet: /readyz and its log say why.`;
}

function problem(error) {
  $("problem").replaceChildren(...(error ? [noticeOf(error, "h2")] : []));
  if (!error) return;
  say("");
  if (lacksKey(error)) askForKey();
}

function lacksKey(error) {
  return error.wantsKey || error.status === 403;
}

function say(text) {
  $("status").textContent = text;
}

$("reload").addEventListener("click", load);
whenKeyIsGiven(load);
load();
