// An event of a web server: which front sent it, and where its fields stand. The rules stand in docs/web-servers.md.

const http = { ...settings.http, stream: streamed };
const REUSE_MS = 4000; // a connection is used again so long after the last response: a freeze makes older ones a trap
const CONTEXT_LIMIT = 16384; // bytes of the context headers; servers take some 50 KB of headers in all
const RESPONSE_HEAD = 65536; // bytes of a response's head, at most

const warn = (text) => log.write(note(text));
const isMap = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isThere = (value) => value !== undefined && value !== null;

// What is no string is its own text.
const textIn = (value) => (typeof value === 'string' ? value : isThere(value) ? JSON.stringify(value) : '');

// A path as the client sent it, rather than decoded on the way.
function isSentPath(path, context) {
  const domain = textIn(context.domainName);
  if (!isThere(path) || !isThere(context.http.path)) return true;
  if (domain.includes('.lambda-url.') || /^(localhost(:|$)|127\.0\.0\.1)/.test(domain)) return true;
  return path !== context.http.path;
}

// The event as {front, method, path, query, queries, base64} with `event` itself, or front 'other'.
function readEvent(event) {
  const other = { front: 'other', event, context: undefined };
  if (!isMap(event)) return other;
  const context = isMap(event.requestContext) ? event.requestContext : {};
  const multi = isMap(event.multiValueHeaders);
  const read = (front, method, path, more = {}) => ({
    front,
    event,
    context: event.requestContext,
    method,
    path,
    queries: isMap(event.multiValueQueryStringParameters) ? event.multiValueQueryStringParameters : event.queryStringParameters,
    headers: multi ? event.multiValueHeaders : event.headers,
    base64: event.isBase64Encoded,
    ...more,
  });
  const authorizes = event.type === 'REQUEST' || event.type === 'TOKEN';
  if (authorizes && (isThere(event.methodArn) || isThere(event.routeArn))) return other; // looks like REST or like HTTP API
  if (isMap(context.elb)) return read(multi ? 'alb-multi' : 'alb', event.httpMethod, event.path);
  if (event.version === '2.0' && isMap(context.http)) {
    const path = isThere(event.rawPath) ? event.rawPath : context.http.path;
    return read(isSentPath(path, context) ? 'url' : 'http-api', context.http.method, path, { query: event.rawQueryString });
  }
  if (event.version === '2.0' && isThere(event.method) && isThere(event.path) && isThere(context.serviceNetworkArn)) {
    return read('lattice', event.method, event.path);
  }
  if (isThere(event.raw_path) && isThere(event.method)) {
    return read('lattice-1', event.method, event.raw_path, { base64: event.is_base64_encoded });
  }
  if (isThere(context.connectionId) && isThere(context.eventType) && !isThere(event.httpMethod)) return other; // a websocket
  if (isThere(event.httpMethod) && isThere(event.path) && isMap(event.requestContext)) {
    return read(event.version === '1.0' ? 'http-api-1.0' : 'rest', event.httpMethod, event.path);
  }
  return other;
}
