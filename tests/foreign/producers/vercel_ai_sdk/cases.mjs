// One case of the Vercel AI SDK: cases.mjs URL FILE current|legacy tools|failed|streamed|delegate
import { writeFileSync } from "node:fs";

import { createOpenAI } from "@ai-sdk/openai";
import { LegacyOpenTelemetry, OpenTelemetry } from "@ai-sdk/otel";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { generateText, registerTelemetry, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [, , url, file, names, kind] = process.argv;

const finished = new InMemorySpanExporter();
new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "foreign-vercel-ai-sdk" }),
  spanProcessors: [new SimpleSpanProcessor(finished)],
}).register();
registerTelemetry(names === "legacy" ? new LegacyOpenTelemetry() : new OpenTelemetry());

const add = tool({
  description: "Add.",
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }) => a + b,
});
const boom = tool({
  description: "Fail.",
  inputSchema: z.object({}),
  execute: () => {
    throw new Error("disk on fire");
  },
});
const model = createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" }).chat("gpt-5-mini");
const delegate = tool({
  description: "Let another agent write.",
  inputSchema: z.object({}),
  execute: async () => {
    const telemetry = { isEnabled: true, functionId: "writer" };
    return (await generateText({ model, prompt: "write", telemetry })).text;
  },
});
const request = {
  model,
  prompt: "x",
  tools: { add, boom, delegate },
  stopWhen: stepCountIs(4),
  maxRetries: 1,
  telemetry: { isEnabled: true, functionId: "planner" },
};

if (kind === "streamed") {
  for await (const _ of streamText(request).textStream);
} else {
  await generateText(request).catch((error) => {
    if (kind !== "failed") throw error;
  });
}
writeFileSync(file, JsonTraceSerializer.serializeRequest(finished.getFinishedSpans()));
