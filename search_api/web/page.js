// The search page: what is looked for, what narrows it down, and what was found.

import { Problem, image, index, patiently, search } from "./api.js";
import { $, noticeOf, percent } from "./dom.js";
import { Filters } from "./filters.js";
import { isShown, keep, recalled, remember } from "./history.js";
import { askForKey, hideKeyForm, whenKeyIsGiven } from "./key_form.js";
import { Part } from "./part.js";
import { Results } from "./results.js";
import { whenFileIsGiven } from "./taking.js";
import { forgetWhy, showWhy } from "./why.js";

const PAGE = 24;
const FARTHEST = 1000; // as far as a search may pass over results
const PREVIEW = 512;
const PREVIEW_HEIGHT = 15; // rem, at most
const SETTLED = 300; // milliseconds after which a slider has come to rest
const MISSING = "Nothing that was found has so high a score, or passes the filters.";
const NO_FILE = "Only an address was dropped: save the picture, or copy and paste it.";
const LOST = "The file of this search is no longer at hand: choose it again.";

let query = null; // as of query.js
let found = 0;
let previewed = null; // the source whose picture is shown
let running = new AbortController();
let offered = null; // the version whose attributes are offered as filters
let moved = {}; // what sliders say that have not come to rest
let resting = 0; // the timer that waits for it
let mover = null; // the slider that the newest entry of the history comes from

const results = new Results({
  clicked: (id) => begin({ id }),
  asked: (button, item) => showWhy(button, item, query),
});
const part = new Part((box, moving) => (moving ? changeSoon({ box }, "part") : change({ box })));
const filters = new Filters((filter, control) =>
  control ? changeSoon({ filter }, control) : change({ filter }),
);

/** Look for another picture, by what narrows down already. */
function begin(source) {
  const { filter, min_score } = { ...query, ...moved };
  ask({ source, filter, min_score });
  scrollTo({ top: 0 });
}

/** Ask the same otherwise. */
function change(parts, by = null) {
  if (query) ask({ ...query, ...moved, ...parts }, by);
}

/** Do so once a slider rests: each key moves it by a step. */
function changeSoon(parts, by) {
  clearTimeout(resting);
  moved = { ...moved, ...parts };
  resting = setTimeout(() => change({}, by), SETTLED);
}

/** Ask, and remember it; what one slider is moved to again and again is remembered once. */
function ask(asked, by = null) {
  query = Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
  if (!isShown(query)) {
    remember(query, by !== null && by === mover);
    mover = by;
  }
  run();
}

/** Ask what the history says. */
function restore() {
  const { query: asked, lost } = recalled();
  query = asked;
  mover = null;
  run();
  if (lost) say(LOST);
}

/** Show what is asked, ask it, and show what was found. */
function run() {
  running.abort();
  running = new AbortController();
  clearTimeout(resting);
  moved = {};
  holdPlace();
  results.clear();
  found = 0;
  showProblem(null);
  forgetWhy();
  isBusy(false);
  $("more").hidden = true;
  $("welcome").hidden = query !== null;
  document.querySelector("main").classList.toggle("searched", query !== null);
  $("query").hidden = $("narrow").hidden = query === null;
  if (!query) return leavePlace();
  showQuery(running.signal);
  searchMore();
}

async function searchMore() {
  const { signal } = running;
  showProblem(null);
  say("Searching…");
  isBusy(true);
  try {
    const asking = () => search(query, { k: PAGE, offset: found }, signal);
    const answer = await patiently(asking, signal, (waits) => say(waits || "Searching…"));
    if (signal.aborted) return;
    showAnswer(answer);
    offer(answer.index_version);
  } catch (error) {
    if (signal.aborted) return;
    showProblem(error, found ? more : run);
    // By what is offered, a filter that was refused can be mended.
    if (query.filter && !error.again) offer(null);
  } finally {
    if (!signal.aborted) {
      isBusy(false);
      leavePlace();
    }
  }
}

/** Search on, unless that is being done. */
async function more() {
  if ($("results").hasAttribute("aria-busy")) return;
  const { signal } = running;
  const first = found;
  await searchMore();
  if (signal.aborted) return;
  const next = $("results").children[first]?.firstChild;
  if (next) next.focus();
  else if ($("more").hidden) focusResults();
}

function showAnswer({ results: hits, took_ms, index_version, model_version }) {
  if (index_version !== offered) offerWhy(false); // until it is known of this version
  results.add(hits, { filter: query.filter, min_score: query.min_score });
  found += hits.length;
  const milliseconds = took_ms.total < 10 ? took_ms.total.toFixed(1) : Math.round(took_ms.total);
  say(found ? `${found} pictures, the most similar first` : MISSING);
  $("more").hidden = hits.length < PAGE || found > FARTHEST;
  $("versions").textContent =
    `Answered in ${milliseconds} ms by index ${index_version}, model ${model_version}`;
}

async function showQuery(signal) {
  const { source, box = null, min_score = 0 } = query;
  part.show(box);
  showLeast(min_score);
  $("clear").hidden = !query.filter && !min_score;
  $("query-name").textContent = source.id ?? source.file.name ?? "";
  const preview = $("preview");
  if (isSame(source, previewed)) return;
  preview.hidden = true;
  previewed = null;
  try {
    const blob = source.file ?? (await image(source.id, PREVIEW, signal));
    if (signal.aborted) return;
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(blob);
    await preview.decode();
    if (signal.aborted) return;
    const shape = preview.naturalWidth / preview.naturalHeight;
    $("picture").style.width = `min(100%, ${shape * PREVIEW_HEIGHT}rem)`;
    preview.hidden = false;
    previewed = source;
  } catch {
    // The search itself says what is wrong with it.
  }
}

const isSame = (one, other) => one.id === other?.id && one.file === other?.file;

/** Keep the page as long as it is while it is asked anew: not every browser would scroll back. */
function holdPlace() {
  $("found").style.minHeight = `${$("found").offsetHeight}px`;
}

function leavePlace() {
  $("found").style.minHeight = "";
}

/** Of the results alone: what is said of the search must not wait for its end. */
function isBusy(busy) {
  busy ? $("results").setAttribute("aria-busy", true) : $("results").removeAttribute("aria-busy");
}

/** Offer what the index of this version has, once for each; null: of whichever is served. */
async function offer(version) {
  if (version !== null && version === offered) return;
  try {
    const { attributes, model, metric, version: told } = await index();
    filters.offer(attributes, query?.filter);
    $("threshold").hidden = !(model.calibration && metric === "cosine");
    offerWhy(model.explains);
    offered = told;
  } catch {
    // Searches work without them.
  }
}

function offerWhy(explains) {
  results.offerWhy(explains);
  if (!explains) forgetWhy();
}

function showLeast(least) {
  $("min-score").value = least;
  $("min-score").setAttribute("aria-valuetext", percent(least));
  $("min-score-said").textContent = percent(least);
}

function showProblem(error, act) {
  say("");
  $("problem").replaceChildren();
  hideKeyForm();
  if (!error) return;
  const problem = Problem.of(error);
  const again = () => {
    focusResults(); // the button is about to go
    act();
  };
  $("problem").append(noticeOf(problem, "h3", problem.again ? again : null));
  if (problem.wantsKey) askForKey();
}

function focusResults() {
  $("results").focus({ preventScroll: true });
}

function say(text) {
  $("status").textContent = text;
}

$("min-score").addEventListener("input", ({ target }) => showLeast(Number(target.value)));
$("min-score").addEventListener("change", ({ target }) =>
  changeSoon({ min_score: Number(target.value) }, "score"),
);
$("clear").addEventListener("click", () => {
  offered = null;
  $("narrowing").firstElementChild.focus(); // the button is about to go
  change({ filter: null, min_score: 0 });
});
$("more").addEventListener("click", more);
whenFileIsGiven(
  (file) => begin({ file }),
  () => say(NO_FILE),
);
whenKeyIsGiven(() => {
  offered = null;
  run();
});
addEventListener("popstate", ({ state }) => {
  if (state === null) return keep(query); // a link within the page
  if (isShown(query)) return;
  offered = null; // the filters that are set may be others
  restore();
});
// On a phone the results come first.
$("narrowing").open = matchMedia("(min-width: 56rem)").matches;
restore();
if (history.state === null) keep(query);
