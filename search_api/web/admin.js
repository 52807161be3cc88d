// The operator's page: versions and going back to one, the model, pictures without a vector.

import { Problem, key, operate } from "./api.js";
import { $, make, percent } from "./dom.js";

const PAGE = 60;
const SIZE = 256;
const FOLLOW_MILLISECONDS = 1000; // replicas notice within seconds
const FOLLOWS = 30;

const number = new Intl.NumberFormat();
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
let type = null; // of the pictures without a vector that are shown
let shown = 0;
let urls = [];

/** Show all of it anew. */
async function load() {
  problem(null);
  say("Loading…");
  try {
    const [versions, index] = await Promise.all([operate.versions(), operate.index()]);
    showVersions(versions);
    showModel(index);
    await showPictures();
    for (const section of document.querySelectorAll("section")) section.hidden = false;
    say("");
  } catch (error) {
    problem(error);
  }
}

function showVersions({ versions }) {
  $("versions").replaceChildren(...versions.map((one) => row(one, versions)));
}

function row(one, versions) {
  const cell = (...children) => make("td", {}, ...children);
  const made = one.made ? date.format(new Date(one.made)) : one.version;
  const states = [one.current && "current", one.served && "served"].filter(Boolean);
  const chips = states.map((state) => make("span", { className: "state" }, state));
  const start = [make("td", { title: one.version }, made), cell(...chips)];
  if (one.problem) {
    const told = make("td", { className: "problem", colSpan: 6 }, one.problem);
    return make("tr", {}, ...start, told);
  }
  const recall = one.recall_at_10 === null ? "–" : one.recall_at_10.toFixed(3);
  const missed = one.target !== null && one.recall_at_10 < one.target;
  const serve = make("button", { type: "button", ariaLabel: `Serve the version of ${made}` }, "Serve");
  serve.addEventListener("click", () => ask(one, versions.find((other) => other.current)));
  return make(
    "tr",
    {},
    ...start,
    cell(number.format(one.pictures)),
    cell(number.format(one.quarantined)),
    cell(missed ? `${recall}, of ${one.target} asked for` : recall),
    cell(String(one.model_version)),
    cell(one.factory),
    cell(one.current ? "" : serve),
  );
}

/** Ask whether it is meant; then have the version served, and wait until it is. */
function ask(one, current) {
  const difference = current?.pictures === undefined ? 0 : one.pictures - current.pictures;
  const sign = difference > 0 ? "more" : "fewer";
  const counted = difference ? `, ${number.format(Math.abs(difference))} ${sign} than now` : "";
  $("sure-said").textContent =
    `Version ${one.version} has ${number.format(one.pictures)} pictures${counted}, and is ` +
    `by model ${one.model_version}. Every replica follows within seconds; the next reindex ` +
    "publishes a new version again.";
  $("sure").returnValue = "no";
  $("sure").onclose = () => $("sure").returnValue === "yes" && serve(one.version);
  $("sure").showModal();
}

async function serve(version) {
  problem(null);
  say("Moving…");
  try {
    await operate.rollBack(version);
    for (let tried = 0; tried < FOLLOWS; tried++) {
      const told = await operate.versions();
      showVersions(told);
      if (told.versions.some((one) => one.version === version && one.served)) break;
      say("It is current; waiting for this replica to serve it…");
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MILLISECONDS));
    }
    await load();
    say(`${version} is served.`);
  } catch (error) {
    problem(error);
  }
}

function showModel({ model, model_card: card }) {
  const facts = { Name: `${model.name} ${model.version}` };
  if (card) {
    Object.assign(facts, {
      Trained: date.format(new Date(card.created)),
      Backbone: card.tuned_from ? `${card.backbone}, tuned from ${card.tuned_from}` : card.backbone,
      Categories: number.format(card.categories.length),
      "Trained on": `${number.format(card.training_data.pictures)} pictures`,
    });
    const map = card.quality.tuned_cosine_map;
    if (map !== undefined) facts["Held-out retrieval mAP"] = map.toFixed(3);
    if (card.compared) facts["Beside its forerunner"] = card.compared.verdict;
    if (card.forced) facts.Forced = "exported although it was worse";
  }
  facts.Scores = model.calibration
    ? `calibrated, error ${percent(model.calibration.ece)}`
    : "none: it is not calibrated";
  const terms = Object.entries(facts).flatMap(([name, value]) => [
    make("dt", {}, name),
    make("dd", {}, value),
  ]);
  $("model").replaceChildren(...terms);
}

/** Show the first pictures without a vector of a type, or of all. */
async function showPictures() {
  urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  $("pictures").replaceChildren();
  shown = 0;
  await morePictures();
}

async function morePictures() {
  const { types, pictures } = await operate.quarantine(type, PAGE, shown);
  const all = Object.values(types).reduce((sum, count) => sum + count, 0);
  $("none").hidden = all > 0;
  $("types").replaceChildren(...(all ? chips(types, all) : []));
  $("pictures").append(...pictures.map(item));
  shown += pictures.length;
  $("more").hidden = shown >= (type === null ? all : (types[type] ?? 0));
}

function chips(types, all) {
  return [[null, all], ...Object.entries(types)].map(([name, count]) => {
    const chip = make("button", { type: "button" }, `${name ?? "all"} ${number.format(count)}`);
    chip.setAttribute("aria-pressed", name === type);
    chip.addEventListener("click", () => {
      type = name;
      showPictures().catch(problem);
    });
    return chip;
  });
}

function item(picture) {
  const frame = make("span", { className: "frame" });
  draw(frame, picture);
  return make(
    "li",
    {},
    frame,
    make("strong", {}, picture.id),
    make("div", { className: "quiet" }, `${picture.type}: ${picture.detail}`),
  );
}

async function draw(frame, picture) {
  try {
    const url = URL.createObjectURL(await operate.image(picture.id, SIZE));
    urls.push(url);
    frame.append(make("img", { src: url, alt: "" }));
  } catch {
    frame.append(make("span", { className: "gone" }, "It cannot be shown."));
  }
}

function problem(error) {
  $("problem").replaceChildren();
  if (!error) return;
  say("");
  if (!(error instanceof Problem)) console.error(error);
  const notice = make("div", { className: "notice" }, make("h2", {}, error.message));
  if (error.detail) notice.append(make("p", {}, error.detail));
  $("problem").append(notice);
  if (error.wantsKey || error.status === 403) askForKey();
}

function askForKey() {
  $("key-form").hidden = false;
  $("key").value = key.get();
  $("key").focus();
}

function say(text) {
  $("status").textContent = text;
}

$("more").addEventListener("click", () => morePictures().catch(problem));
$("reload").addEventListener("click", load);
$("use-key").addEventListener("click", askForKey);
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set($("key").value.trim());
  $("key-form").hidden = true;
  load();
});
load();
