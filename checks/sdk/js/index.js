// What check authors import. The types, and what everything is for, are in index.d.ts.

export { decode, encode } from "./text.js";
export { millis } from "./units.js";

/** A check that looked at nothing has nothing to report, not even that all is well. */
export class NothingObserved extends Error {
  constructor() {
    super("nothing was observed");
    this.name = "NothingObserved";
  }
}

/** The check itself cannot work. */
export class BrokenCheck extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "BrokenCheck";
  }
}

export class Evidence {
  #ids = new Set();

  constructor(first, ...more) {
    for (const answer of [first, ...more]) this.#add(answer);
  }

  static of(answers) {
    const [first, ...more] = answers;
    if (first === undefined) throw new NothingObserved();
    return new Evidence(first, ...more);
  }

  including(answers) {
    return new Evidence(this, ...answers);
  }

  get ids() {
    return [...this.#ids];
  }

  #add(answer) {
    if (answer instanceof Evidence) {
      for (const id of answer.ids) this.#ids.add(id);
      return;
    }
    const id = typeof answer === "number" ? answer : answer?.id;
    if (!Number.isInteger(id)) throw new TypeError("cite an observation: the answer of a probe, its id, or Evidence");
    this.#ids.add(id);
  }
}

export class Findings {
  #findings = [];
  #facts = [];

  add(code, { message, cite, at = null, observed = null, expected = null, level = code.level, confidence = "certain", details = {} }) {
    this.#findings.push({
      code: code.code,
      level,
      confidence,
      target: at,
      message,
      observed,
      expected,
      evidence: new Evidence(cite).ids,
      details: Object.entries(details).map(([key, value]) => [key, String(value)]),
    });
  }

  fact(fact, value, { cite }) {
    this.#facts.push({ key: fact.key, value: String(value), evidence: new Evidence(cite).ids });
  }

  get length() {
    return this.#findings.length;
  }

  get anyWrong() {
    return this.#findings.some((finding) => finding.level !== "info");
  }

  count(code) {
    return this.#findings.filter((finding) => finding.code === code.code).length;
  }

  conclude(summary, evidence) {
    return this.#end(summary, evidence, { tag: "concluded" });
  }

  inconclusive(reason, evidence) {
    return this.#end(reason, evidence, { tag: "inconclusive", val: reason });
  }

  notConfigured(reason, evidence) {
    return this.#end(reason, evidence, { tag: "skip", val: `not-configured: ${reason}` });
  }

  notApplicable(reason, evidence) {
    return this.#end(reason, evidence, { tag: "skip", val: `not-applicable: ${reason}` });
  }

  #end(summary, evidence, conclusion) {
    if (!(evidence instanceof Evidence)) throw new TypeError("a conclusion rests on Evidence");
    return { summary, findings: this.#findings, facts: this.#facts, conclusion, evidence: evidence.ids };
  }
}

export class Context {
  constructor({ settings = {}, targets = [], facts = [], codes = [], budget = 5000, vantage = {} } = {}) {
    this.settings = settings;
    this.targets = targets;
    this.facts = facts;
    this.codes = codes;
    this.budget = budget;
    this.vantage = vantage;
  }

  static of(raw) {
    return new Context({
      settings: JSON.parse(raw.settingsJson),
      targets: raw.targets,
      facts: raw.facts,
      codes: raw.codes,
      budget: raw.budget,
      vantage: Object.fromEntries(raw.vantage),
    });
  }

  setting(key) {
    let value = this.settings;
    for (const part of key.split(".")) value = value != null && Object.hasOwn(Object(value), part) ? value[part] : undefined;
    return value;
  }

  text(key, otherwise = "") {
    const value = this.setting(key);
    return value === undefined || value === null ? otherwise : String(value);
  }

  inherited(key) {
    return this.facts.find((fact) => fact.key === key)?.value;
  }

  get addresses() {
    return this.targets.flatMap((target) => target.addresses);
  }
}

export function component(descriptor, checks) {
  const declared = JSON.parse(descriptor).checks.map((check) => check.id).sort();
  const written = Object.keys(checks).sort();
  if (declared.join() !== written.join()) {
    throw new Error(`check.toml declares ${declared.join(", ")}, and the code has ${written.join(", ") || "none"}`);
  }
  return {
    describe: () => descriptor,
    run(id, context) {
      try {
        return checks[id](Context.of(context));
      } catch (error) {
        // What is thrown becomes the error of WIT's `result`, which is a text.
        throw explain(error);
      }
    },
  };
}

function explain(error) {
  if (error instanceof BrokenCheck || error instanceof NothingObserved) return error.message;
  if (!(error instanceof Error)) return String(error);
  const places = (error.stack ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "));
  return [`${error.name}: ${error.message}`, ...places].join("\n  ");
}
