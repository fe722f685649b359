// What llhttp, the parser inside Node, makes of the first request in each record: for tests/boot/test_llhttp.py, which
// gives records of a decimal size, a line feed and so many bytes. A line of JSON for each; null when there is no request.
"use strict";
const { HTTPParser } = process.binding("http_parser");

function outcome(bytes) {
  const parser = new HTTPParser();
  const request = { method: 0, url: "", version: 0, keepAlive: false, headers: [], body: [] };
  let complete = false;
  parser.initialize(HTTPParser.REQUEST, {}, 0, 0);
  parser[HTTPParser.kOnHeaders | 0] = (headers, url) => {
    if (complete || request.begun) return;
    request.headers.push(...headers);
    request.url += url;
  };
  parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, headers, method, url, status, text, upgrade, keepAlive) => {
    if (complete) return 0;
    request.begun = true;
    request.method = method;
    request.version = minor;
    request.keepAlive = keepAlive;
    request.headers.push(...(headers || []));
    request.url += url || "";
    return 0;
  };
  parser[HTTPParser.kOnBody | 0] = (data, offset = 0, size = data.length) => {
    if (!complete) request.body.push(Buffer.from(data.subarray(offset, offset + size)));
  };
  parser[HTTPParser.kOnMessageComplete | 0] = () => {
    complete = true;
  };
  parser.execute(bytes);
  if (!complete) return null;
  const hex = (text) => Buffer.from(text, "latin1").toString("hex");
  return {
    method: request.method, url: hex(request.url), version: request.version, keepAlive: request.keepAlive,
    headers: request.headers.map(hex), body: Buffer.concat(request.body).toString("hex"),
  };
}

const input = require("fs").readFileSync(0);
const lines = [];
for (let at = 0; at < input.length; ) {
  const end = input.indexOf(10, at);
  const size = Number(input.toString("latin1", at, end));
  lines.push(JSON.stringify(outcome(input.subarray(end + 1, end + 1 + size))));
  at = end + 1 + size;
}
process.stdout.write(lines.join("\n") + "\n");
