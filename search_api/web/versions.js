// The versions of the index, and the question before another one is served.

import { $, bytes, make } from "./dom.js";
import { fill, row, states, wrong } from "./table.js";

const number = new Intl.NumberFormat();
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Show versions; `wanted` is told the name of one that is to be served. */
export function showVersions({ versions }, wanted) {
  const current = versions.find((one) => one.current);
  fill($("versions"), versions.map((one) => versionRow(one, current, wanted)));
}

function versionRow(one, current, wanted) {
  const made = one.made ? date.format(new Date(one.made)) : one.version;
  const start = [make("td", { title: one.version }, made), states(one)];
  if (one.problem) return row(...start, wrong(one.problem, 7));
  const recall = one.recall_at_10 === null ? "–" : one.recall_at_10.toFixed(3);
  const missed = one.target !== null && one.recall_at_10 < one.target;
  return row(
    ...start,
    number.format(one.pictures),
    number.format(one.quarantined),
    missed ? `${recall}, of ${one.target} asked for` : recall,
    String(one.model_version),
    one.factory,
    bytes(one.bytes),
    one.obstacle ? wrong(`Cannot be served: ${one.obstacle}`) : offer(one, made, current, wanted),
  );
}

/** Give the button by which a version comes to be served. */
function offer(one, made, current, wanted) {
  if (one.current) return "";
  const label = `Serve the version of ${made}`;
  const button = make("button", { type: "button", "aria-label": label }, "Serve");
  button.addEventListener("click", () => ask(one, current, wanted));
  return button;
}

/** Ask whether it is meant. */
function ask(one, current, wanted) {
  $("sure-said").textContent =
    `Version ${one.version} has ${number.format(one.pictures)} pictures${than(one, current)}, and ` +
    `is by model ${one.model_version}. Every replica follows within seconds; the next reindex ` +
    "publishes a new version again.";
  $("sure").returnValue = "no";
  $("sure").onclose = () => $("sure").returnValue === "yes" && wanted(one.version);
  $("sure").showModal();
}

/** Say how many more or fewer pictures it has than the current version, where that tells. */
function than(one, current) {
  if (typeof current?.pictures !== "number") return ""; // there is none, or it is damaged
  const difference = one.pictures - current.pictures;
  if (!difference) return "";
  return `, ${number.format(Math.abs(difference))} ${difference > 0 ? "more" : "fewer"} than now`;
}
