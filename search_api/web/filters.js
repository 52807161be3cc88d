// Filters, made of what the index says that its pictures have as attributes.

import { $, make } from "./dom.js";

const SHOWN = 12;
const number = new Intl.NumberFormat();

/**
 * Offer filters; `changed` is told of the filter that they come to, null for none, and of the
 * control that may change it again at once, as each step of a number does; null for others.
 */
export class Filters {
  #parts = new Map();
  #others = []; // conditions that no control here shows; they hold all the same
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  /** Offer what the pictures of an index have; `filter` is one that is set already. */
  offer(attributes, filter) {
    this.#parts.clear();
    this.#others = conditionsOf(filter);
    const groups = (attributes ?? []).map((one) => this.#group(one)).filter(Boolean);
    if (this.#others.length) groups.push(this.#notice());
    const hadFocus = $("filters").contains(document.activeElement);
    $("filters").replaceChildren(...groups);
    if (hadFocus) $("narrowing").firstElementChild.focus();
  }

  #group(attribute) {
    const made = this.#control(attribute);
    return made && make("fieldset", {}, make("legend", {}, attribute.name), made);
  }

  /** Tell the conditions that no control shows, with a button that takes them away. */
  #notice() {
    const button = make("button", { type: "button" }, "Without it");
    const code = make("code", {}, JSON.stringify(joined(this.#others)));
    const notice = make("fieldset", {}, make("legend", {}, "Another filter is set"), code, button);
    button.addEventListener("click", () => {
      notice.remove();
      $("narrowing").firstElementChild.focus();
      this.#others = [];
      this.#tell();
    });
    return notice;
  }

  #control(attribute) {
    const { kinds, values } = attribute;
    const onlyNumbers = kinds.length === 1 && kinds[0] === "number";
    if (values && !(onlyNumbers && values.length > SHOWN)) return this.#chips(attribute);
    if (kinds.includes("number")) return this.#range(attribute);
    return kinds.includes("text") ? this.#text(attribute) : null;
  }

  /** Take what is set of an attribute, where a control shows just that. */
  #taken(name, shows) {
    const n = this.#others.findIndex((one) => one?.attribute === name && shows(comparisonOf(one)));
    if (n < 0) return {};
    const comparison = comparisonOf(...this.#others.splice(n, 1));
    this.#parts.set(name, comparison);
    return comparison;
  }

  #chips({ name, values }) {
    const isKnown = (value) => values.some((one) => one.value === value);
    const set = this.#taken(name, (one) => {
      if (hasOnly(one, "in")) return Array.isArray(one.in) && one.in.every(isKnown);
      return hasOnly(one, "eq") && isKnown(one.eq);
    });
    const chosen = new Set(set.in ?? Object.values(set));
    if (values.length < 2 && !chosen.size) return null;
    const chips = make("div", { className: "chips" });
    const add = ({ value, pictures }) => {
      const chip = make("button", { type: "button" }, `${value} `);
      chip.append(make("span", { className: "count" }, number.format(pictures)));
      chip.setAttribute("aria-pressed", chosen.has(value));
      chip.addEventListener("click", () => {
        chosen.has(value) ? chosen.delete(value) : chosen.add(value);
        chip.setAttribute("aria-pressed", chosen.has(value));
        this.#set(name, chosen.size ? { in: [...chosen] } : null);
      });
      chips.append(chip);
      return chip;
    };
    values.slice(0, SHOWN).forEach(add);
    const rest = values.slice(SHOWN);
    if (rest.length) {
      const all = make("button", { type: "button" }, `${rest.length} more`);
      all.addEventListener("click", () => {
        all.remove();
        rest.map(add)[0].focus();
      });
      chips.append(all);
    }
    return chips;
  }

  #range({ name, least, most }) {
    const isNumbers = (one) => Object.values(one).every(Number.isFinite);
    const bounds = { ...this.#taken(name, (one) => hasOnly(one, "gte", "lte") && isNumbers(one)) };
    const input = (bound, label, placeholder) => {
      const field = make("input", { type: "number", step: "any", placeholder });
      const control = `${bound} ${name}`;
      if (bounds[bound] !== undefined) field.value = bounds[bound];
      field.addEventListener("change", () => {
        // What is no number, as with a comma where the browser wants a point, reads as nothing.
        if (field.validity.badInput) return field.reportValidity();
        bounds[bound] = field.value === "" ? undefined : Number(field.value);
        this.#set(name, given(bounds), control);
      });
      return make("label", {}, label, field);
    };
    const fields = [input("gte", "From", least), input("lte", "To", most)];
    return make("div", { className: "range" }, ...fields);
  }

  #text({ name }) {
    const field = make("input", { type: "text", placeholder: "exactly this", "aria-label": name });
    const isText = ({ eq }) => typeof eq === "string" && eq !== "";
    field.value = this.#taken(name, (one) => hasOnly(one, "eq") && isText(one)).eq ?? "";
    field.addEventListener("change", () => this.#set(name, field.value ? { eq: field.value } : null));
    return field;
  }

  #set(name, comparison, control = null) {
    comparison ? this.#parts.set(name, comparison) : this.#parts.delete(name);
    this.#tell(control);
  }

  #tell(control = null) {
    const shown = [...this.#parts].map(([attribute, rest]) => ({ attribute, ...rest }));
    this.#changed(joined([...shown, ...this.#others]), control);
  }
}

function given(bounds) {
  const set = Object.entries(bounds).filter(([, value]) => value !== undefined);
  return set.length ? Object.fromEntries(set) : null;
}

/** Give what must hold at once, each of its own. */
function conditionsOf(filter) {
  if (!filter) return [];
  return hasOnly(filter, "and") && Array.isArray(filter.and) ? [...filter.and] : [filter];
}

function joined(conditions) {
  return conditions.length > 1 ? { and: conditions } : (conditions[0] ?? null);
}

const comparisonOf = ({ attribute, ...comparison }) => comparison;

/** Whether something has some of these properties, and no others. */
function hasOnly(one, ...names) {
  const has = Object.keys(one);
  return has.length > 0 && has.every((name) => names.includes(name));
}
