// Anthropic's Bedrock SDK for Node: Messages over InvokeModel.
const settings = { model: WORDS.MODEL, max_tokens: WORDS.MAX_TOKENS, temperature: 0 };
const user = (content) => ({ role: "user", content });
const text = (message) => message.content.map((block) => block.text ?? "").join("");

async function chat() {
  const first = await client.messages.create({ ...settings, messages: [user(WORDS.HELLO)] });
  const messages = [user(WORDS.HELLO), { role: "assistant", content: first.content }, user(WORDS.ASK_NAME)];
  return [text(first), text(await client.messages.create({ ...settings, messages }))];
}

async function stream() {
  const pieces = [];
  const events = client.messages.stream({ ...settings, messages: [user(WORDS.HELLO)] });
  events.on("text", (piece) => pieces.push(piece));
  await events.finalMessage();
  return pieces;
}

async function tool() {
  const asked = { ...settings, messages: [user(WORDS.ASK_WEATHER)], tools: [WORDS.ANTHROPIC_TOOL] };
  const said = await client.messages.stream({ ...asked, tool_choice: { type: "any" } }).finalMessage();
  const call = said.content.find((block) => block.type === "tool_use");
  const result = { type: "tool_result", tool_use_id: call.id, content: JSON.stringify(WORDS.RESULT) };
  const messages = [...asked.messages, { role: "assistant", content: said.content }, user([result])];
  return { name: call.name, input: call.input, answer: text(await client.messages.create({ ...asked, messages })) };
}

async function refused() {
  await client.messages.create({ ...settings, model: WORDS.MISSING, messages: [user(WORDS.HELLO)] });
}
