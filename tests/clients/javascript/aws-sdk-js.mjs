// The AWS SDK for JavaScript with its default transport: HTTP/2 with prior knowledge on the cleartext port.
import { ConverseCommand, ConverseStreamCommand, InvokeModelCommand } from "@aws-sdk/client-bedrock-runtime";

const settings = { modelId: WORDS.MODEL, inferenceConfig: { maxTokens: WORDS.MAX_TOKENS, temperature: 0 } };
const user = (...content) => ({ role: "user", content });
const text = (message) => message.content.map((block) => block.text ?? "").join("");

async function converse(messages, options = {}) {
  return (await client.send(new ConverseCommand({ ...settings, messages, ...options }))).output.message;
}

async function chat() {
  const hello = user({ text: WORDS.HELLO });
  const first = await converse([hello]);
  return [text(first), text(await converse([hello, first, user({ text: WORDS.ASK_NAME })]))];
}

async function stream() {
  const messages = [user({ text: WORDS.HELLO })];
  const reply = await client.send(new ConverseStreamCommand({ ...settings, messages }));
  const pieces = [];
  for await (const event of reply.stream) {
    if (event.contentBlockDelta?.delta?.text) pieces.push(event.contentBlockDelta.delta.text);
  }
  return pieces;
}

async function tool() {
  const question = user({ text: WORDS.ASK_WEATHER });
  const toolConfig = { ...WORDS.CONVERSE_TOOLS, toolChoice: { any: {} } };
  const reply = await client.send(new ConverseStreamCommand({ ...settings, messages: [question], toolConfig }));
  let call = null;
  for await (const event of reply.stream) {
    const start = event.contentBlockStart?.start?.toolUse;
    if (start) call = { ...start, input: "" };
    call && (call.input += event.contentBlockDelta?.delta?.toolUse?.input ?? "");
  }
  call.input = JSON.parse(call.input);
  const result = { toolResult: { toolUseId: call.toolUseId, content: [{ json: WORDS.RESULT }] } };
  const messages = [question, { role: "assistant", content: [{ toolUse: call }] }, user(result)];
  const answer = await converse(messages, { toolConfig: WORDS.CONVERSE_TOOLS });
  return { name: call.name, input: call.input, answer: text(answer) };
}

async function embed() {
  const vector = async (inputText) => {
    const body = JSON.stringify({ inputText });
    const answer = await client.send(new InvokeModelCommand({ modelId: WORDS.TITAN, body }));
    return JSON.parse(new TextDecoder().decode(answer.body)).embedding;
  };
  return Promise.all(WORDS.TEXTS.map(vector));
}

async function refused() {
  await converse([user({ text: WORDS.HELLO })], { modelId: WORDS.MISSING });
}
