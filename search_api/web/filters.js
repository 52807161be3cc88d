// Filters, made of what the index says that its pictures have as attributes.

import { $, make } from "./dom.js";

const SHOWN = 12;
const number = new Intl.NumberFormat();

/** Offer filters; `changed` is told of the filter that they come to, null for none. */
export class Filters {
  #parts = new Map();
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  /** Offer what the pictures of an index have; `filter` is one that is set already. */
  offer(attributes, filter) {
    this.#parts.clear();
    const set = conditionsOf(filter);
    $("filters").replaceChildren(
      ...(attributes ?? []).map((one) => this.#group(one, set.get(one.name))).filter(Boolean),
    );
  }

  #group(attribute, condition) {
    const made = this.#control(attribute, condition);
    return made && make("fieldset", {}, make("legend", {}, attribute.name), made);
  }

  #control(attribute, condition) {
    const { kinds, values } = attribute;
    const onlyNumbers = kinds.length === 1 && kinds[0] === "number";
    if (values && !(onlyNumbers && values.length > SHOWN)) return this.#chips(attribute, condition);
    if (kinds.includes("number")) return this.#range(attribute, condition);
    return kinds.includes("text") ? this.#text(attribute, condition) : null;
  }

  #chips({ name, values }, condition) {
    const chosen = new Set(condition?.in ?? (condition && "eq" in condition ? [condition.eq] : []));
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
    if (chosen.size) this.#parts.set(name, { in: [...chosen] });
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

  #range({ name, least, most }, condition) {
    const bounds = { gte: condition?.gte, lte: condition?.lte };
    const input = (bound, label, placeholder) => {
      const field = make("input", { type: "number", step: "any", placeholder });
      if (bounds[bound] !== undefined) field.value = bounds[bound];
      field.addEventListener("change", () => {
        bounds[bound] = field.value === "" ? undefined : Number(field.value);
        this.#set(name, given(bounds));
      });
      return make("label", {}, label, field);
    };
    if (given(bounds)) this.#parts.set(name, given(bounds));
    const fields = [input("gte", "From", least), input("lte", "To", most)];
    return make("div", { className: "range" }, ...fields);
  }

  #text({ name }, condition) {
    const field = make("input", { type: "text", placeholder: "exactly this", ariaLabel: name });
    field.value = condition?.eq ?? "";
    if (field.value) this.#parts.set(name, { eq: field.value });
    field.addEventListener("change", () => this.#set(name, field.value ? { eq: field.value } : null));
    return field;
  }

  #set(name, comparison) {
    comparison ? this.#parts.set(name, comparison) : this.#parts.delete(name);
    const conditions = [...this.#parts].map(([attribute, rest]) => ({ attribute, ...rest }));
    this.#changed(conditions.length > 1 ? { and: conditions } : (conditions[0] ?? null));
  }
}

function given(bounds) {
  const set = Object.entries(bounds).filter(([, value]) => value !== undefined);
  return set.length ? Object.fromEntries(set) : null;
}

function conditionsOf(filter) {
  const all = filter?.and ?? (filter?.attribute ? [filter] : []);
  return new Map(all.map(({ attribute, ...rest }) => [attribute, rest]));
}
