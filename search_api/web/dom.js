// Elements without markup: nothing that a service or a catalogue says is ever read as HTML.

export const $ = (id) => document.getElementById(id);

/** Make an element; what is no property of its own is an attribute, as `aria-label`. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Say what went wrong below a heading; `again` tries it once more, where that may help. */
export function noticeOf({ message, detail }, heading, again = null) {
  const notice = make("div", { className: "notice" }, make(heading, {}, message));
  if (detail) notice.append(make("p", {}, detail));
  if (again) {
    const button = make("button", { type: "button" }, "Try again");
    button.addEventListener("click", again);
    notice.append(button);
  }
  return notice;
}

export const percent = (share) => `${Math.round(100 * share)} %`;

/** Say how many bytes in the largest unit that fits, as in 1.4 GB. */
export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  const form = { style: "unit", unit: units[power], unitDisplay: "short", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(undefined, form).format(count / 1000 ** power);
}
