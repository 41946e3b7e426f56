// What a producer and a consumer do, with a client that openapi-typescript generated (schema.d.ts).

import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

declare const process: { env: Record<string, string | undefined> };

const { API_URL, BROKEN_API_URL, API_KEY } = process.env;
const headers = { "X-API-Key": API_KEY };
const client = createClient<paths>({ baseUrl: API_URL, headers });
const broken = createClient<paths>({ baseUrl: BROKEN_API_URL, headers });
const stranger = createClient<paths>({ baseUrl: API_URL, headers: { "X-API-Key": "not-the-key-at-all" } });

function equal<T>(actual: T, expected: T): void {
  if (actual !== expected) throw new Error(`${actual} instead of ${expected}`);
}

type Refusal = { error?: components["schemas"]["ErrorResponse"]; response: Response };

function refused({ error, response }: Refusal, status: number, code: string): void {
  equal(response.status, status);
  equal(error?.error.code, code);
  equal(error?.error.request_id, response.headers.get("X-Request-ID") ?? undefined);
}

// @ts-expect-error: the payload is required
const incomplete: components["schemas"]["IngestRequest"] = { source: "typescript", event_type: "none" };

// Ingest: the members that are required, and one member of the metadata.
const minimal = await client.POST("/v1/events", {
  body: { source: "typescript", event_type: "minimal", payload: {} },
});
equal(minimal.data?.status, "pending");
const correlated = await client.POST("/v1/events", {
  body: { source: "typescript", event_type: "full", payload: { n: 1 }, metadata: { correlation_id: "c-1" } },
  params: { header: { "Idempotency-Key": "typescript-1" } },
});
equal(correlated.response.status, 201);

// Page.
const types: string[] = [];
let cursor: string | undefined;
do {
  const { data } = await client.GET("/v1/inbox", { params: { query: { source: "typescript", limit: 1, cursor } } });
  if (!data) throw new Error("no page");
  types.push(...data.events.map((event) => event.event_type));
  cursor = data.pagination.next_cursor;
} while (cursor);
equal(types.join(), "minimal,full");

// Get, acknowledge, delete.
const path = { event_id: minimal.data!.event_id };
const event = await client.GET("/v1/events/{event_id}", { params: { path } });
equal(event.data?.metadata.priority, "normal");
const acknowledged = await client.POST("/v1/events/{event_id}/ack", { params: { path } });
equal(acknowledged.data?.status, "acknowledged");
refused(await client.POST("/v1/events/{event_id}/ack", { params: { path } }), 409, "CONFLICT");
const deleted = await client.DELETE("/v1/events/{event_id}", { params: { path } });
equal(deleted.data?.event_id, path.event_id);

// Refusals.
refused(await client.GET("/v1/events/{event_id}", { params: { path } }), 404, "NOT_FOUND");
refused(await stranger.GET("/v1/inbox"), 401, "UNAUTHORIZED");
refused(await client.DELETE("/v1/events/{event_id}", { params: { path: { event_id: "x" } } }), 422, "VALIDATION_ERROR");
const body = { source: "typescript", event_type: "other", payload: {} };
const header = { "Idempotency-Key": "typescript-1" };
refused(await client.POST("/v1/events", { body, params: { header } }), 422, "IDEMPOTENCY_KEY_REUSED");
const unavailable = await broken.POST("/v1/events", { body });
refused(unavailable, 503, "SERVICE_UNAVAILABLE");
equal(unavailable.response.headers.get("Retry-After"), "1");

console.log("the whole round was made");
