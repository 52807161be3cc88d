// The parts of a picture that made another be found, as colours over it.

import { $, percent } from "./dom.js";

const WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };
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
  canvas.setAttribute("aria-label", described(parts));
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

/** Say for those who do not see it where most of it lies. */
function described(parts) {
  const sum = (numbers) => numbers.reduce((total, part) => total + Math.max(0, part), 0);
  const all = sum(parts.flat()) || 1;
  const upper = sum(parts.slice(0, parts.length / 2).flat()) / all;
  const left = sum(parts.flatMap((row) => row.slice(0, row.length / 2))) / all;
  return (
    `Of what made it be found, ${percent(upper)} lies in the upper half of the picture ` +
    `and ${percent(left)} in the left one.`
  );
}
