// Runs beside Node's own resolution of modules, on a thread of its own: a module of the
// contract becomes one that asks the fakes of `testing.js` at every call, so that a test may
// change them after the check was imported.

let functions = {};

export function initialize(data) {
  functions = data;
}

export async function resolve(specifier, context, next) {
  if (!specifier.startsWith("seaworthy:")) return next(specifier, context);
  if (!(specifier in functions)) throw new Error(`the contract has no ${specifier}`);
  return { url: specifier, format: "module", shortCircuit: true };
}

export async function load(url, context, next) {
  if (!url.startsWith("seaworthy:")) return next(url, context);
  const module = JSON.stringify(url);
  const source = [
    `const fakes = globalThis[Symbol.for("seaworthy.fakes")];`,
    `function call(name, args) {`,
    `  const answer = fakes.get(${module})?.[name];`,
    `  if (answer === undefined) throw new Error("no fake of " + ${module} + " " + name + "; say what it answers with fake()");`,
    `  return answer(...args);`,
    `}`,
    ...functions[url].map((name, at) => `const f${at} = (...args) => call(${JSON.stringify(name)}, args);`),
    `export { ${functions[url].map((name, at) => `f${at} as ${name}`).join(", ")} };`,
    `export default { ${functions[url].map((name, at) => `${name}: f${at}`).join(", ")} };`,
  ];
  return { format: "module", source: source.join("\n"), shortCircuit: true };
}
