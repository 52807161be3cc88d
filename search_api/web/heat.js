// The parts of a picture that made another be found, as colours over it.

import { $, percent } from "./dom.js";
import { WHOLE } from "./query.js";

const COLOUR = [255, 120, 0];
const STRONGEST = 0.65; // of opacity

/** Draw an explanation of the service over the picture; `box` is the part that was looked for. */
export function drawHeat({ area, explained: [{ parts }] }, box) {
  const canvas = $("heat");
  const [height, width] = [parts.length, parts[0].length];
  Object.assign(canvas, { width, height, hidden: false });
  const most = Math.max(...parts.flat(), Number.MIN_VALUE);
  const shown = new ImageData(width, height);
  parts.flat().forEach((part, n) => {
    // What speaks against has no colour: the picture shows through.
    const opacity = STRONGEST * Math.max(0, part / most);
    shown.data.set([...COLOUR, Math.round(255 * opacity)], 4 * n);
  });
  canvas.getContext("2d").putImageData(shown, 0, 0);
  place(canvas, area, box ?? WHOLE);
  canvas.setAttribute("aria-label", described(parts, area, box));
}

export function hideHeat() {
  $("heat").hidden = true;
}

/** Lay the canvas where the square lies that the model saw. */
function place(canvas, area, box) {
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  Object.assign(canvas.style, {
    left: `${100 * (box.left + area.left * width)}%`,
    top: `${100 * (box.top + area.top * height)}%`,
    width: `${100 * (area.right - area.left) * width}%`,
    height: `${100 * (area.bottom - area.top) * height}%`,
  });
}

/** Say for those who do not see it where most of it lies, whatever lies in the square's margin. */
function described(parts, area, box) {
  const rows = [parts.length, area.top, area.bottom];
  const columns = [parts[0].length, area.left, area.right];
  const sum = (lowest, rightmost) => {
    const [heights, widths] = [sharesBelow(lowest, ...rows), sharesBelow(rightmost, ...columns)];
    const within = (part, n, m) => Math.max(0, part) * heights[n] * widths[m];
    const all = parts.flatMap((row, n) => row.map((part, m) => within(part, n, m)));
    return all.reduce((a, b) => a + b);
  };
  const all = sum(1, 1) || 1;
  return (
    `Of what made it be found, ${percent(sum(0.5, 1) / all)} lies in the upper half of the ` +
    `${box ? "part" : "picture"} and ${percent(sum(1, 0.5) / all)} in the left one.`
  );
}

/** Give how much of each of so many equal pieces of [first, last] lies in [0, most]. */
function sharesBelow(most, pieces, first, last) {
  const size = (last - first) / pieces;
  return Array.from({ length: pieces }, (_, n) => {
    const begin = first + n * size;
    return Math.max(0, Math.min(most, begin + size) - Math.max(0, begin)) / size;
  });
}
