// A client with the types that openapi-typescript makes of the service's own description: client.js SERVICE CALLBACK_URL
// It submits, waits for the end of the request, asks once more synchronously, and writes what it was told as JSON.
import createClient from "openapi-fetch";
import { setTimeout } from "node:timers/promises";
import type { components, paths, webhooks } from "./generated/v1.js";

type Callback = webhooks["decided"]["post"]["requestBody"]["content"]["application/json"];
type Session = components["schemas"]["SessionAnswer"];

const [service, callbackUrl] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: service });
const question = {
  stationId: "123e4567-e89b-42d3-a456-426614174000",
  driverToken: "allowed-driver-token-0001",
};

// @ts-expect-error: the types know which fields are needed
const incomplete: components["schemas"]["SubmissionBody"] = { stationId: question.stationId };

const submitted = await client.POST("/api/v1/charging-session", {
  body: { ...question, callbackUrl, validForMillis: null },
});
if (!submitted.data) throw new Error(JSON.stringify(submitted.error));

const settled: Session["state"][] = ["delivered", "failed", "expired"];
let session: Session | undefined;
do {
  await setTimeout(50);
  session = (
    await client.GET("/api/v1/charging-session/{requestId}", {
      params: { path: { requestId: submitted.data.requestId } },
    })
  ).data;
} while (session && !settled.includes(session.state));

const asked = await client.POST("/api/v1/authorize", { body: question });
const rejected = await client.POST("/api/v1/charging-session", { body: { ...incomplete, callbackUrl } });
const decided: Callback["status"] | null | undefined = session?.status;
console.log(
  JSON.stringify({
    receipt: submitted.data.status,
    state: session?.state,
    decided,
    asked: asked.data?.status,
    rejected: rejected.error?.status,
  })
);
