// The operator's page: versions of index and model, going back to one, pictures without a vector.

import { Problem, operate } from "./api.js";
import { $, bytes, make, percent } from "./dom.js";
import { askForKey, whenKeyIsGiven } from "./key_form.js";

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
    const [versions, models] = await Promise.all([operate.versions(), operate.models()]);
    showVersions(versions);
    showModels(models);
    await showPictures();
    for (const section of document.querySelectorAll("section")) section.hidden = false;
    say("");
  } catch (error) {
    problem(error);
  }
}

function showVersions({ versions }) {
  $("versions").replaceChildren(...versions.map((one) => versionRow(one, versions)));
}

function versionRow(one, versions) {
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
    one.obstacle ? wrong(`Cannot be served: ${one.obstacle}`) : offer(one, made, versions),
  );
}

/** Give the button by which a version comes to be served. */
function offer(one, made, versions) {
  if (one.current) return "";
  const label = `Serve the version of ${made}`;
  const button = make("button", { type: "button", ariaLabel: label }, "Serve");
  button.addEventListener("click", () => ask(one, versions.find((other) => other.current)));
  return button;
}

/** Make a row of cells, of texts and elements. */
function row(...cells) {
  const isCell = (one) => one instanceof HTMLTableCellElement;
  return make("tr", {}, ...cells.map((one) => (isCell(one) ? one : make("td", {}, one))));
}

function states(one) {
  const named = [one.current && "current", one.served && "served"].filter(Boolean);
  return make("td", {}, ...named.map((state) => make("span", { className: "state" }, state)));
}

function wrong(text, colSpan = 1) {
  return make("td", { className: "problem", colSpan }, text);
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

function showModels({ models }) {
  $("models").replaceChildren(...models.map(modelRow));
}

function modelRow(one) {
  const start = [String(one.version), states(one)];
  if (one.problem) return row(...start, wrong(one.problem, 7));
  const map = one.quality.tuned_cosine_map;
  const calibrated = one.calibration_error !== null;
  return row(
    ...start,
    date.format(new Date(one.made)),
    one.tuned_from ? `${one.backbone}, tuned from ${one.tuned_from}` : one.backbone,
    number.format(one.categories),
    `${number.format(one.pictures)} pictures`,
    map === undefined ? "–" : map.toFixed(3),
    calibrated ? `calibrated, error ${percent(one.calibration_error)}` : "none",
    compared(one),
  );
}

function compared({ compared, beside, forced }) {
  if (compared === null) return "–";
  return `${compared} (version ${beside})${forced ? ", exported by force" : ""}`;
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

function say(text) {
  $("status").textContent = text;
}

$("more").addEventListener("click", () => morePictures().catch(problem));
$("reload").addEventListener("click", load);
whenKeyIsGiven(load);
load();
