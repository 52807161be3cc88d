// The search page: what is looked for, what narrows it down, and what was found.

import { Problem, explain, image, index, pause, search } from "./api.js";
import { $, make, percent } from "./dom.js";
import { Filters } from "./filters.js";
import { drawHeat, hideHeat } from "./heat.js";
import { askForKey, whenKeyIsGiven } from "./key_form.js";
import { Part } from "./part.js";
import { addressOf, queryOf } from "./query.js";
import { Results } from "./results.js";

const PAGE = 24;
const FARTHEST = 1000; // as far as a search may pass over results
const PREVIEW = 512;
const PREVIEW_HEIGHT = 15; // rem, at most
const RETRIES = 3;
const MISSING = "Nothing that was found has so high a score, or passes the filters.";

let query = null; // as of query.js
let found = 0;
let running = new AbortController();
let offered = null; // the version whose attributes are offered as filters
const files = new Map(); // files of earlier searches, by number, for going back

const results = new Results({ clicked: (id) => begin({ id }), asked: showWhy });
const part = new Part((box) => change({ box }));
const filters = new Filters((filter) => change({ filter }));

/** Look for another picture, by what narrows down already. */
function begin(source) {
  const { filter, min_score } = query ?? {};
  query = tidy({ source, filter, min_score });
  remember();
  run();
  scrollTo({ top: 0 });
}

/** Ask the same otherwise. */
function change(parts) {
  if (!query) return;
  query = tidy({ ...query, ...parts });
  remember();
  run();
}

function tidy(asked) {
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
}

function remember() {
  const { source, ...rest } = query;
  let number = [...files.keys()].find((n) => files.get(n) === source.file);
  if (source.file && number === undefined) files.set((number = files.size), source.file);
  history.pushState(source.file ? { file: number, ...rest } : null, "", addressOf(query));
}

/** Ask what the address and the history say. */
function restore(state) {
  const { file, ...rest } = state ?? {};
  if (file === undefined) query = queryOf(location.search);
  else query = files.has(file) ? { source: { file: files.get(file) }, ...rest } : null;
  run();
}

/** Show what is asked, ask it, and show what was found. */
async function run() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  results.clear();
  found = 0;
  showProblem(null);
  $("more").hidden = true;
  $("welcome").hidden = query !== null;
  $("query").hidden = $("narrow").hidden = query === null;
  if (!query) return say("");
  showQuery(signal);
  await searchMore(signal);
}

async function searchMore(signal) {
  say("Searching…");
  $("found").setAttribute("aria-busy", "true");
  try {
    const answer = await patiently((s) => search(query, { k: PAGE, offset: found }, s), signal);
    if (signal.aborted) return;
    showAnswer(answer);
    offerFilters(answer.index_version);
  } catch (error) {
    if (!signal.aborted) showProblem(error);
  } finally {
    if (!signal.aborted) $("found").removeAttribute("aria-busy");
  }
}

/** Ask again, a few times, what the service is too busy for. */
async function patiently(asking, signal) {
  for (let tried = 0; ; tried++) {
    try {
      return await asking(signal);
    } catch (error) {
      if (signal.aborted || !error.passes || tried === RETRIES) throw error;
      const seconds = Math.max(1, error.retryAfter ?? 1);
      for (let left = seconds; left > 0; left--) {
        say(`${error.message}. Trying again in ${left} s…`);
        await pause(1000, signal);
      }
      say("Searching…");
    }
  }
}

function showAnswer({ results: hits, took_ms, index_version, model_version }) {
  results.add(hits);
  found += hits.length;
  const milliseconds = took_ms.total < 10 ? took_ms.total.toFixed(1) : Math.round(took_ms.total);
  say(found ? `${found} pictures, the most similar first` : MISSING);
  $("more").hidden = hits.length < PAGE || found > FARTHEST;
  $("versions").textContent =
    `Answered in ${milliseconds} ms by index ${index_version}, model ${model_version}`;
}

/** Colour what made a hit be found, or take the colours away. */
async function showWhy(hit) {
  hideHeat();
  $("why").textContent = "";
  if (!hit) return;
  const { signal } = running;
  try {
    const explanation = await patiently((s) => explain(query, hit.id, s), signal);
    if (signal.aborted) return;
    drawHeat(explanation, query.box);
    $("why").textContent = `What made ${hit.label ?? hit.id} be found is coloured.`;
    $("picture").scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (!signal.aborted) $("why").textContent = `${error.message}. ${error.detail ?? ""}`;
  }
}

async function showQuery(signal) {
  hideHeat();
  $("why").textContent = "";
  const { source, box = null, min_score = 0 } = query;
  part.show(box);
  showLeast(min_score);
  $("clear").hidden = !query.filter && !min_score;
  $("query-name").textContent = source.id ?? source.file.name ?? "";
  const preview = $("preview");
  preview.hidden = true;
  try {
    const blob = source.file ?? (await image(source.id, PREVIEW, signal));
    if (signal.aborted) return;
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(blob);
    await preview.decode();
    const shape = preview.naturalWidth / preview.naturalHeight;
    $("picture").style.width = `min(100%, ${shape * PREVIEW_HEIGHT}rem)`;
    preview.hidden = false;
  } catch {
    // The search itself says what is wrong with it.
  }
}

/** Offer the attributes of the index that answered, once for each version. */
async function offerFilters(version) {
  if (offered === version) return;
  try {
    const { attributes, model, metric } = await index();
    filters.offer(attributes, query?.filter);
    $("threshold").hidden = !(model.calibration && metric === "cosine");
    results.offerWhy(model.explains);
    offered = version;
  } catch {
    // Searches work without them.
  }
}

function showLeast(least) {
  $("min-score").value = least;
  $("min-score").setAttribute("aria-valuetext", percent(least));
  $("min-score-said").value = percent(least);
}

function showProblem(error) {
  say("");
  $("problem").replaceChildren();
  $("key-form").hidden = true;
  if (!error) return;
  if (!(error instanceof Problem)) console.error(error);
  const notice = make("div", { className: "notice" }, make("h3", {}, error.message));
  if (error.detail) notice.append(make("p", {}, error.detail));
  if (error.wantsKey) askForKey();
  else if (error.passes || error.status === 0 || error.status >= 500) {
    const again = make("button", { type: "button" }, "Try again");
    again.addEventListener("click", run);
    notice.append(again);
  }
  $("problem").append(notice);
}

function say(text) {
  $("status").textContent = text;
}

/** Take the first picture of what was dropped, pasted or chosen. */
function take(list) {
  const file = [...(list ?? [])].find((one) => one.type.startsWith("image/")) ?? list?.[0];
  if (file) begin({ file });
}

$("file").addEventListener("change", ({ target }) => {
  take(target.files);
  target.value = ""; // so that the same file can be chosen again
});
addEventListener("paste", ({ clipboardData }) => take(clipboardData?.files));

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  $("drop").hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").hidden = true;
});
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").hidden = true;
  take(event.dataTransfer?.files);
});

$("min-score").addEventListener("input", ({ target }) => showLeast(Number(target.value)));
$("min-score").addEventListener("change", ({ target }) =>
  change({ min_score: Number(target.value) }),
);
$("clear").addEventListener("click", () => {
  offered = null;
  change({ filter: null, min_score: 0 });
});
$("more").addEventListener("click", () => {
  const first = $("results").children.length;
  searchMore(running.signal).then(() => $("results").children[first]?.firstChild.focus());
});
whenKeyIsGiven(() => {
  offered = null;
  run();
});
addEventListener("popstate", ({ state }) => {
  offered = null; // the filters that are set may be others
  restore(state);
});
// On a phone the results come first.
$("narrowing").open = matchMedia("(min-width: 56rem)").matches;
restore(history.state);
