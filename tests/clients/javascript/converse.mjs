// A streamed conversation of several turns with a tool call; prints what happened as JSON.
import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";

const client = new BedrockRuntimeClient({});
const modelId = "outcrop.pebble-v1";
const inferenceConfig = { maxTokens: 200, temperature: 0 };
let events = 0;

async function stream(messages, options = {}) {
  const reply = await client.send(new ConverseStreamCommand({ modelId, messages, inferenceConfig, ...options }));
  let text = "", tool = null;
  for await (const event of reply.stream) {
    events += 1;
    const start = event.contentBlockStart?.start?.toolUse;
    if (start) tool = { ...start, input: "" };
    const delta = event.contentBlockDelta?.delta;
    if (delta?.text) text += delta.text;
    if (delta?.toolUse) tool.input += delta.toolUse.input;
  }
  if (tool) tool.input = JSON.parse(tool.input);
  return { text, tool };
}

const user = (...content) => ({ role: "user", content });
const tools = [{
  toolSpec: {
    name: "get_weather",
    description: "Get the current weather of a city.",
    inputSchema: { json: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } },
  },
}];

const hello = user({ text: "Hello, my name is Ada." });
const greeting = await stream([hello]);
const remembered = await stream([
  hello, { role: "assistant", content: [{ text: greeting.text }] }, user({ text: "What is my name?" }),
]);
const question = user({ text: "What is the weather in Lisbon?" });
const { tool } = await stream([question], { toolConfig: { tools, toolChoice: { any: {} } } });
const result = { toolResult: { toolUseId: tool.toolUseId, content: [{ json: { temperature_c: 21 } }] } };
const answer = await stream(
  [question, { role: "assistant", content: [{ toolUse: tool }] }, user(result)], { toolConfig: { tools } },
);
console.log(JSON.stringify({ events, remembered: remembered.text, tool, answer: answer.text }));
