
// Shows openapi.json. All text goes into the page as text, never as markup.

const JSON_TYPE = "application/json";
const FORM_TYPE = "multipart/form-data";
const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity));
  return made;
}

// Descriptions have code between one or two backquotes.
function text(words = "") {
  return words.split(/(`+[^`]+`+)/).map((part) =>
    part.startsWith("`") ? element("code", {}, part.replaceAll("`", "")) : part);
}

const nameOf = (reference) => reference.split("/").pop();

function resolved(api, part) {
  if (!part?.$ref) return part;
  return part.$ref.slice(2).split("/").reduce((found, step) => found[step], api);
}

// What a schema allows, in words and links.
function kind(schema = {}) {
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return [element("a", { href: `#schema-${name}` }, name)];
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices && !schema.type) {
    return choices.flatMap((one, place) => [...(place ? [" or "] : []), ...kind(one)]);
  }
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((one) => JSON.stringify(one)).join(" or ")];
  if (schema.type === "array") return ["list of ", ...kind(schema.items)];
  return [schema.contentEncoding ?? (schema.contentMediaType ? "file" : schema.type) ?? "anything"];
}

const BOUNDS = {
  minimum: "at least", exclusiveMinimum: "more than", maximum: "at most", default: "default",
  minLength: "characters, at least", maxLength: "characters, at most",
  minItems: "items, at least", maxItems: "items, at most",
};

function bounds(schema = {}) {
  return Object.entries(BOUNDS)
    .filter(([name]) => schema[name] !== undefined && schema[name] !== null)
    .map(([name, words]) => `${words} ${JSON.stringify(schema[name])}`).join("; ");
}

function table(caption, heads, rows) {
  const head = element("tr", {}, heads.map((word) => element("th", { scope: "col" }, word)));
  const body = rows.map(([first, ...cells]) => element("tr", {},
    element("th", { scope: "row" }, first), cells.map((cell) => element("td", {}, cell))));
  return element("div", { class: "table", tabindex: "0", role: "group", "aria-label": caption },
    element("table", {}, element("caption", {}, caption),
      element("thead", {}, head), element("tbody", {}, body)));
}

function row(name, schema, description, required) {
  const told = [...text(description ?? schema.description), element("p", { class: "quiet" }, bounds(schema))];
  return [[element("code", {}, name), required ? " (required)" : ""], kind(schema), told];
}

const HEADS = ["Name", "Type", "What"];

function properties(caption, schema) {
  const required = new Set(schema.required ?? []);
  return table(caption, HEADS, Object.entries(schema.properties).map(([name, member]) =>
    row(name, member, undefined, required.has(name))));
}

const schemaOf = (parameter) => parameter.schema ?? Object.values(parameter.content)[0].schema;

function parametersOf(api, item, operation) {
  return [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) => resolved(api, one));
}

function bodies(operation) {
  return Object.entries(operation.requestBody?.content ?? {}).map(([type, { schema, examples }]) =>
    element("div", {},
      element("p", {}, element("code", {}, type), ": ", schema.properties ? "a form" : kind(schema)),
      schema.properties ? properties(`Fields of ${type}`, schema) : "",
      Object.entries(examples ?? {}).map(([name, { value }]) =>
        element("details", {}, element("summary", {}, name),
          element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2))))));
}

function responses(api, operation) {
  const rows = Object.entries(operation.responses).map(([status, response]) => [
    status,
    element("div", { class: "text" }, text(response.description.replace(/^\* /gm, ""))),
    Object.entries(response.content ?? {}).map(([type, { schema }]) =>
      element("p", {}, element("code", {}, type), ": ", kind(schema))),
    Object.entries(response.headers ?? {}).map(([name, header]) =>
      element("p", {}, element("code", {}, name), ": ", resolved(api, header).description)),
  ]);
  return table("Answers", ["Status", "When", "Content", "Headers"], rows);
}

// A form to try a request; only what was filled in is sent.
class Trial {
  constructor(api, path, method, parameters, operation) {
    Object.assign(this, { api, path, method, parameters, operation });
    this.content = operation.requestBody?.content ?? {};
    this.inputs = new Map();
    this.output = element("div", { role: "status" });
    this.form = element("form", { class: "try", onsubmit: (event) => this.send(event) },
      parameters.map((one) => this.parameter(one)), this.body(),
      element("button", { type: "submit" }, `Send ${method.toUpperCase()} ${path}`));
  }

  parameter(parameter) {
    const input = element("input", {
      required: Boolean(parameter.required), value: parameter.example, spellcheck: "false",
      placeholder: JSON.stringify(schemaOf(parameter).default),
    });
    this.inputs.set(parameter, input);
    return element("label", {}, parameter.name, input);
  }

  body() {
    const types = Object.keys(this.content);
    if (!types.length) return "";
    this.type = element("select", { onchange: () => this.choose() },
      types.map((type) => element("option", {}, type)));
    const example = Object.values(this.content[JSON_TYPE]?.examples ?? {})[0]?.value ?? {};
    this.text = element("textarea", { spellcheck: "false" });
    this.text.value = JSON.stringify(example, null, 2);
    this.file = element("input", { type: "file" });
    this.textLabel = element("label", {}, "Body", this.text);
    this.fileLabel = element("label", {}, "Picture", this.file);
    this.choose();
    return [element("label", {}, "Content-Type", this.type), this.textLabel, this.fileLabel];
  }

  // JSON has its parameters within it; the others have them beside a file.
  choose() {
    const json = this.type.value === JSON_TYPE;
    this.textLabel.hidden = !json;
    this.fileLabel.hidden = json;
    this.file.required = !json;
    for (const [parameter, input] of this.inputs) {
      if (parameter.in === "query") input.parentElement.hidden = json;
    }
  }

  url() {
    let path = this.path;
    const query = new URLSearchParams();
    for (const [parameter, input] of this.inputs) {
      if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value && !input.parentElement.hidden) query.set(parameter.name, input.value);
    }
    const asked = query.size ? `?${query}` : "";
    return new URL(`.${path}${asked}`, document.baseURI);
  }

  request() {
    const headers = {};
    const key = byId("key").value;
    if (key) headers["X-API-Key"] = key;
    if (!this.type) return { method: this.method.toUpperCase(), headers };
    const request = { method: this.method.toUpperCase(), headers };
    if (this.type.value === JSON_TYPE) {
      headers["Content-Type"] = JSON_TYPE;
      return { ...request, body: this.text.value };
    }
    const [file] = this.file.files;
    if (this.type.value === FORM_TYPE) {
      const form = new FormData();
      form.append(this.content[FORM_TYPE].schema.required[0], file);
      return { ...request, body: form };
    }
    headers["Content-Type"] = "application/octet-stream";
    return { ...request, body: file };
  }

  async send(event) {
    event.preventDefault();
    this.output.replaceChildren("Waiting for the answer…");
    try {
      const response = await fetch(this.url(), this.request());
      this.output.replaceChildren(...await shown(response));
    } catch (error) {
      this.output.replaceChildren(`No answer: ${error.message}`);
    }
  }
}

async function shown(response) {
  const type = response.headers.get("Content-Type") ?? "";
  const title = element("p", {}, element("strong", {}, `${response.status} ${response.statusText}`), ` ${type}`);
  if (type.startsWith("image/")) {
    const source = URL.createObjectURL(await response.blob());
    const done = () => URL.revokeObjectURL(source);
    return [title, element("img", { src: source, alt: "The picture that was asked for", onload: done })];
  }
  const words = await response.text();
  const pretty = /[/+]json/.test(type) ? JSON.stringify(JSON.parse(words), null, 2) : words;
  return [title, element("pre", { tabindex: "0", "aria-label": "Answer" }, pretty)];
}

function operationOf(api, path, item, method) {
  const operation = item[method];
  const parameters = parametersOf(api, item, operation);
  const trial = new Trial(api, path, method, parameters, operation);
  const id = operation.operationId;
  byId("index").append(element("li", {}, element("a", { href: `#${id}` },
    element("span", { class: `method ${method}` }, method.toUpperCase()), ` ${path}`)));
  return element("article", { id, "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` },
      element("span", { class: `method ${method}` }, method.toUpperCase()),
      " ", element("span", { class: "path" }, path)),
    element("p", {}, text(operation.summary)),
    element("p", { class: "text" }, text(operation.description)),
    element("p", { class: "quiet" }, operation.security.length ? "Takes an API key." : "Takes no API key."),
    parameters.length ? table("Parameters", HEADS, parameters.map((one) =>
      row(one.name, schemaOf(one), one.description, one.required))) : "",
    operation.requestBody ? [element("h3", {}, "Body, one of"), bodies(operation)] : "",
    responses(api, operation),
    element("details", {}, element("summary", {}, "Try it"), trial.form, trial.output));
}

function schemaBox(name, schema) {
  return element("details", { class: "schema", id: `schema-${name}` },
    element("summary", {}, name),
    element("p", {}, text(schema.description)),
    schema.properties ? properties(`Members of ${name}`, schema) : kind(schema));
}

// A link to a schema opens it.
function openTarget() {
  const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
  if (target?.tagName === "DETAILS") target.open = true;
  if (target) target.scrollIntoView();
}

function show(api) {
  byId("title").textContent = `${api.info.title} ${api.info.version}`;
  byId("summary").textContent = api.info.summary;
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of Object.keys(item).filter((key) => item[key].responses)) {
      byId("operations").append(operationOf(api, path, item, method));
    }
  }
  for (const name of Object.keys(api.components.schemas).sort()) {
    byId("schemas").append(schemaBox(name, api.components.schemas[name]));
  }
  byId("schemas").hidden = false;
  byId("state").remove();
  openTarget();
}

byId("keys").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", openTarget);
try {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  show(await response.json());
} catch (error) {
  byId("state").textContent = `The description cannot be read: ${error.message}`;
}
