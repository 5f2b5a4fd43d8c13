// Vercel's AI SDK with its Bedrock provider, which speaks Converse and InvokeModel itself.
import { embedMany, generateText, streamText, tool as defineTool, jsonSchema, stepCountIs } from "ai";

const options = { maxOutputTokens: WORDS.MAX_TOKENS, temperature: 0, maxRetries: 0 };
const settings = { model: bedrock(WORDS.MODEL), ...options };
const user = (content) => ({ role: "user", content });

async function chat() {
  const first = await generateText({ ...settings, messages: [user(WORDS.HELLO)] });
  const messages = [user(WORDS.HELLO), ...first.response.messages, user(WORDS.ASK_NAME)];
  return [first.text, (await generateText({ ...settings, messages })).text];
}

async function stream() {
  const pieces = [];
  for await (const piece of streamText({ ...settings, messages: [user(WORDS.HELLO)] }).textStream) pieces.push(piece);
  return pieces;
}

async function tool() {
  const tools = {
    [WORDS.TOOL]: defineTool({
      description: WORDS.DESCRIPTION, inputSchema: jsonSchema(WORDS.SCHEMA), execute: async () => WORDS.RESULT,
    }),
  };
  const prepareStep = ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "auto" });
  const messages = [user(WORDS.ASK_WEATHER)];
  const done = await generateText({ ...settings, messages, tools, prepareStep, stopWhen: stepCountIs(2) });
  const [call] = done.steps[0].toolCalls;
  return { name: call.toolName, input: call.input, answer: done.text };
}

async function embed() {
  const model = bedrock.textEmbeddingModel(WORDS.TITAN);
  return (await embedMany({ model, values: WORDS.TEXTS, maxRetries: 0 })).embeddings;
}

async function refused() {
  await generateText({ ...settings, model: bedrock(WORDS.MISSING), messages: [user(WORDS.HELLO)] });
}
