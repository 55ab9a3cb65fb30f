"use strict";
const token = document.getElementById("token");

function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

function request(form) {
  const query = new URLSearchParams();
  const headers = {};
  let path = form.dataset.path;
  let body;
  for (const field of form.querySelectorAll("[data-in]")) {
    const value = field.value;
    if (value === "") continue;
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
    if (field.dataset.in === "query") query.set(field.name, value);
    if (field.dataset.in === "header") headers[field.name] = value;
    if (field.dataset.in === "body") {
      body = value;
      headers["Content-Type"] = field.dataset.type;
    }
  }
  const bearer = token.value.trim();
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const search = query.toString();
  return [path + (search ? `?${search}` : ""), { method: form.dataset.method, headers, body }];
}

async function shown(answer) {
  const type = answer.headers.get("content-type") || "";
  if (!/json|text/.test(type)) return `(${type || "no content"})`;
  const text = await answer.text();
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send(form) {
  const output = form.querySelector("output");
  const [address, options] = request(form);
  const result = document.createElement("pre");
  output.replaceChildren(result);
  result.textContent = "…";
  const started = performance.now();
  try {
    const answer = await fetch(address, options);
    const took = Math.round(performance.now() - started);
    const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    result.textContent =
      `${options.method} ${address}\n${answer.status} in ${took} ms\n${headers}\n\n${await shown(answer)}`;
  } catch (error) {
    result.textContent = `The call did not get through: ${error.message}`;
  }
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target);
});
addEventListener("hashchange", unfold);
unfold();
