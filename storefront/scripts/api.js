/** The shop's public API: every call of the pages goes through here. */
import { hasEnded, signedOut, token } from "./session.js";

const ROOT = "/api/v1";

/** What the API refused (RFC 9457), or `status` 0 where no answer came. */
export class Problem extends Error {
  constructor(status, document, wait = null) {
    super(document.detail || document.title || "");
    this.status = status;
    this.type = document.type || "";
    this.title = document.title || "";
    /** Each `{pointer, detail, in}`; the pointer names the field, like `/shipping_address/city`. */
    this.errors = document.errors || [];
    this.correlationId = document.correlation_id || "";
    /** Seconds after which it may be asked again; null where that was not said. */
    this.wait = wait;
  }
}

/** Whether the API said no. Then an Idempotency-Key is spent; without an answer, or after one that
 * blames the shop, what was asked for may have been done, and is asked for again under its key. */
export function isRefused(error) {
  return error instanceof Problem && error.status >= 400 && error.status < 500;
}

/**
 * Calls the API and gives `{data, etag, status}`.
 * Options: `query` (empty values are left out), `body` (sent as JSON, a Blob as it is), `headers`,
 * `key` (Idempotency-Key), `ifMatch`, `signal`, `fresh` (past the browser's cache). Throws Problem; an
 * aborted call throws AbortError.
 */
export async function call(method, path, options = {}) {
  const headers = new Headers(options.headers);
  // A page that began signed in does not go on as a guest, but for a checkout: that is its id's holder's.
  if (hasEnded() && !path.startsWith("/checkouts/")) throw new Problem(401, {});
  const bearer = token();
  if (bearer) headers.set("Authorization", `Bearer ${bearer}`);
  if (options.key) headers.set("Idempotency-Key", options.key);
  if (options.ifMatch) headers.set("If-Match", options.ifMatch);
  let body = options.body;
  if (body !== undefined && !(body instanceof Blob)) {
    headers.set("Content-Type", "application/json");
    body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(address(path, options.query), {
      method, headers, body, signal: options.signal, credentials: "same-origin",
      cache: options.fresh ? "no-store" : "default",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, {});
  }
  const isJson = /json/.test(answer.headers.get("Content-Type") || "");
  const text = await answer.text();
  const data = isJson && text ? JSON.parse(text) : text;
  if (!answer.ok) {
    // A token that the API no longer takes is of no use to any page.
    if (answer.status === 401 && bearer) signedOut();
    const wait = Number(answer.headers.get("Retry-After")) || null;
    throw new Problem(answer.status, isJson && text ? data : {}, wait);
  }
  return { data, etag: answer.headers.get("ETag"), status: answer.status };
}

export async function get(path, query, signal) {
  return (await call("GET", path, { query, signal })).data;
}

export function address(path, query = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") given.append(name, value);
  }
  const text = given.toString();
  return `${ROOT}${path}${text ? `?${text}` : ""}`;
}
