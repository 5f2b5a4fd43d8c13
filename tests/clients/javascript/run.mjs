// Runs the stages that the text above defines and prints what they told: the end of every file that conftest.py
// composes of (words, the lines of docs/clients.md, one client's stages, this).
const STAGES = {
  chat: typeof chat === "function" && chat,
  stream: typeof stream === "function" && stream,
  tool: typeof tool === "function" && tool,
  embed: typeof embed === "function" && embed,
  refused: typeof refused === "function" && refused,
};

function kinds(error) {
  const names = [error.name];
  for (let kind = error.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) names.push(kind.name);
  return names;
}

const told = {};
for (const [name, stage] of Object.entries(STAGES)) {
  if (!stage) continue;
  try {
    told[name] = { told: (await stage()) ?? null };
  } catch (error) {
    told[name] = { raised: kinds(error), message: String(error.message), traceback: String(error.stack) };
  }
}
console.log(JSON.stringify(told));
process.exit(0);
