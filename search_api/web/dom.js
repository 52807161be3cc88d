// Elements without markup: nothing that a service or a catalogue says is ever read as HTML.

export const $ = (id) => document.getElementById(id);

/** Make an element; properties that are no attributes of its own begin with a dash or `aria`. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const percent = (share) => `${Math.round(100 * share)} %`;
