// The versions of the model, by their cards.

import { $, percent } from "./dom.js";
import { fill, row, states, wrong } from "./table.js";

const number = new Intl.NumberFormat();
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function showModels({ models }) {
  fill($("models"), models.map(modelRow));
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
