// Nova Sonic's events both ways, in text: a conversation with a memory, a tool call and its result, an interrupted
// session and two refusals; prints what happened as JSON.
import { BedrockRuntimeClient, InvokeModelWithBidirectionalStreamCommand } from "@aws-sdk/client-bedrock-runtime";

const client = new BedrockRuntimeClient({});
const modelId = "outcrop.pebble-v1";
const bytes = (name, members) => ({ chunk: { bytes: new TextEncoder().encode(JSON.stringify({ event: { [name]: members } })) } });

// A stream of events that is written to while it is read.
class Input {
  constructor() { this.queue = []; this.wake = () => {}; this.done = false; }
  send(name, members = {}) { this.queue.push(bytes(name, members)); this.wake(); }
  end() { this.done = true; this.wake(); }
  async *[Symbol.asyncIterator]() {
    while (true) {
      while (this.queue.length) yield this.queue.shift();
      if (this.done) return;
      await new Promise((resolve) => { this.wake = resolve; });
    }
  }
}

class Session {
  constructor(prompt = {}) {
    this.input = new Input();
    this.count = 0;
    this.input.send("sessionStart", { inferenceConfiguration: { maxTokens: 200, topP: 1, temperature: 0 } });
    this.input.send("promptStart", { promptName: "p", textOutputConfiguration: { mediaType: "text/plain" }, ...prompt });
  }
  // The SDK's promise waits for the first event that comes back.
  async open() {
    const answer = await client.send(new InvokeModelWithBidirectionalStreamCommand({ modelId, body: this.input }));
    this.events = answer.body[Symbol.asyncIterator]();
    return this;
  }
  content(start, kind, content, extra = {}) {
    const names = { promptName: "p", contentName: `c${this.count++}` };
    this.input.send("contentStart", { ...names, ...start });
    this.input.send(kind, { ...names, content, ...extra });
    this.input.send("contentEnd", names);
  }
  say(content, role = "USER", interactive = true) {
    const textInputConfiguration = { mediaType: "text/plain" };
    this.content({ type: "TEXT", role, interactive, textInputConfiguration }, "textInput", content);
  }
  result(toolUseId, content) {
    const toolResultInputConfiguration = { toolUseId, type: "TEXT", textInputConfiguration: { mediaType: "text/plain" } };
    this.content({ type: "TOOL", role: "TOOL", interactive: false, toolResultInputConfiguration }, "toolResult", content);
  }
  // The events up to the end of an answer or to a call, folded.
  async hear() {
    const told = { spoken: "", final: "", names: [] };
    let stage = "";
    while (true) {
      const { value, done } = await this.events.next();
      if (done) return { ...told, ended: true };
      const [[name, event]] = Object.entries(JSON.parse(new TextDecoder().decode(value.chunk.bytes)).event);
      if (told.names.at(-1) !== name) told.names.push(name);
      if (name === "contentStart" && event.type === "TEXT") stage = JSON.parse(event.additionalModelFields).generationStage;
      if (name === "textOutput") told[stage === "FINAL" ? "final" : "spoken"] += event.content;
      if (name === "toolUse") told.tool = event;
      if (name === "usageEvent") { told.usage = event; if (told.tool) return told; }
      if (name === "completionEnd") return told;
    }
  }
  async close() {
    this.input.send("promptEnd", { promptName: "p" });
    this.input.send("sessionEnd");
    this.input.end();
    return (await this.hear()).ended === true;
  }
}

async function failure(work) {
  try { await work(); } catch (error) { return { name: error.name, message: error.message }; }
  return null;
}

if (process.argv[2] === "wait") {  // for ever, until killed
  const session = await new Session().open();
  await session.events.next();
  console.log("listening");
  await session.events.next();
}

const talk = await new Session().open();
talk.say("Hello, my name is Ada.");
const greeting = await talk.hear();
talk.say("What is my name?");
const remembered = await talk.hear();
const closed = await talk.close();

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "get_weather", description: "Get the current weather of a city.", inputSchema: { json: JSON.stringify(schema) } };
const helped = await new Session({ toolConfiguration: { tools: [{ toolSpec: weather }], toolChoice: { any: {} } } }).open();
helped.say("What is the weather in Lisbon?");
const { tool } = await helped.hear();
helped.result(tool.toolUseId, JSON.stringify({ temperature_c: 21 }));
const answered = await helped.hear();
await helped.close();

const audio = await failure(async () => {
  const session = await new Session({ audioOutputConfiguration: { mediaType: "audio/lpcm" } }).open();
  await session.hear();
});
const disorder = await failure(async () => {
  const session = await new Session().open();
  session.input.send("contentEnd", { promptName: "p", contentName: "never" });
  await session.hear();
});
const unknown = await failure(() => client.send(
  new InvokeModelWithBidirectionalStreamCommand({ modelId: "no.such-model", body: new Session().input }),
));
console.log(JSON.stringify({ greeting, remembered, closed, tool, answered, audio, disorder, unknown }));
process.exit(0);
