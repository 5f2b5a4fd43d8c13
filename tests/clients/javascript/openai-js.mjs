// The OpenAI SDK for Node: chat completions and embeddings.
const settings = { model: WORDS.MODEL, max_completion_tokens: WORDS.MAX_TOKENS, temperature: 0 };
const user = (content) => ({ role: "user", content });

async function say(messages, options = {}) {
  return (await client.chat.completions.create({ ...settings, messages, ...options })).choices[0].message;
}

async function chat() {
  const first = await say([user(WORDS.HELLO)]);
  return [first.content, (await say([user(WORDS.HELLO), first, user(WORDS.ASK_NAME)])).content];
}

async function stream() {
  const pieces = [];
  const chunks = await client.chat.completions.create({ ...settings, messages: [user(WORDS.HELLO)], stream: true });
  for await (const chunk of chunks) if (chunk.choices[0]?.delta?.content) pieces.push(chunk.choices[0].delta.content);
  return pieces;
}

async function tool() {
  const asked = { ...settings, messages: [user(WORDS.ASK_WEATHER)], tools: [WORDS.OPENAI_TOOL] };
  const events = client.chat.completions.stream({ ...asked, tool_choice: "required" });
  const said = (await events.finalChatCompletion()).choices[0].message;
  const [call] = said.tool_calls;
  const result = { role: "tool", tool_call_id: call.id, content: JSON.stringify(WORDS.RESULT) };
  const answer = await say([...asked.messages, said, result], { tools: asked.tools });
  return { name: call.function.name, input: JSON.parse(call.function.arguments), answer: answer.content };
}

async function embed() {
  const answer = await client.embeddings.create({ model: WORDS.EMBEDDER, input: WORDS.TEXTS });
  return answer.data.map((row) => row.embedding);
}

async function refused() {
  await say([user(WORDS.HELLO)], { model: WORDS.MISSING });
}
