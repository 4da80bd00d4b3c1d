// An event as the bytes of an HTTP request: target, headers and body exactly as the front that sent the event encodes them.
// Texts are Latin-1 here: a character is a byte.

const octets = (value) => Buffer.from(textIn(value)).toString('latin1');

// What must not stand in a path or query as it was sent, in a decoded path ("%" too), in a part of a query.
const NOT_IN_QUERY = /[^\x21-\x7e]|["<>\\^`{|}#]/g;
const NOT_IN_PATH = /[^\x21-\x7e]|["<>\\^`{|}#?]/g;
const NOT_IN_DECODED_PATH = /[^0-9A-Za-z\-._~/!$&'()*+,;=:@]/g;
const NOT_UNRESERVED = /[^0-9A-Za-z\-._~]/g;
const TOKEN = /^[0-9A-Za-z\-._~!#$%&'*+^`|]+$/;
const BREAKS_LINES = /[\r\n\0]/;
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);
const RESENDABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
const NOT_PASSED_ON = new Set([
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'upgrade',
    'transfer-encoding',
    'expect',
    'content-length',
  ],
  ...['x-amzn-trace-id', 'x-amzn-request-context', 'x-amzn-lambda-context', 'x-amz-tenant-id'],
]);

const percentEncode = (text, not) =>
  text.replace(not, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

const withoutPrefix = (path, prefix) =>
  prefix && path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')
    ? path.slice(prefix.length)
    : path;

function pathOf(one, sent) {
  const decoded = one.front === 'http-api' || one.front === 'http-api-1.0';
  let path = percentEncode(sent.startsWith('/') ? sent : `/${sent}`, decoded ? NOT_IN_DECODED_PATH : NOT_IN_PATH);
  const stage = one.context.stage;
  if (decoded && http.stage !== 'keep' && isThere(stage) && stage !== '$default') {
    path = withoutPrefix(path, `/${percentEncode(octets(stage), NOT_IN_DECODED_PATH)}`);
  }
  path = withoutPrefix(path, http.base_path);
  return path.startsWith('/') ? path : `/${path}`;
}

function queryOf(one) {
  if (one.front === 'http-api' || one.front === 'url') {
    const query = octets(one.query);
    return query && `?${percentEncode(query, NOT_IN_QUERY)}`;
  }
  if (!isMap(one.queries)) return '';
  const not = one.front.startsWith('alb') ? NOT_IN_QUERY : NOT_UNRESERVED;
  const pairs = Object.entries(one.queries).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item) => [name, item]),
  );
  const text = pairs.map((pair) => pair.map((part) => percentEncode(octets(part), not)).join('=')).join('&');
  return text && `?${text}`;
}

function targetOf(one) {
  const path = octets(one.path);
  const mark = one.front === 'lattice-1' ? path.indexOf('?') : -1;
  if (one.front !== 'lattice-1') return pathOf(one, path) + queryOf(one);
  const query = mark < 0 ? '' : path.slice(mark); // there the query is in the path
  return (
    pathOf({ ...one, context: {} }, mark < 0 ? path : path.slice(0, mark)) +
    (query.length > 1 ? percentEncode(query, NOT_IN_QUERY) : '')
  );
}

// The client's own headers that belong to the request.
function* headersOf(one) {
  for (const [name, value] of Object.entries(isMap(one.headers) ? one.headers : {})) {
    const spelt = octets(name);
    const good = TOKEN.test(spelt);
    for (const item of Array.isArray(value) ? value : [value]) {
      if (!isThere(item) || (good && NOT_PASSED_ON.has(spelt.toLowerCase()))) continue;
      const text = octets(item);
      if (good && !BREAKS_LINES.test(text)) yield [spelt, text];
      else warn(`a header is not passed on, for it would break the request: ${JSON.stringify(spelt.slice(0, 100))}`);
    }
  }
}

function requestContextOf(one) {
  if (!isThere(one.context)) return '';
  const whole = octets(JSON.stringify(one.context));
  if (whole.length <= CONTEXT_LIMIT) return `x-amzn-request-context: ${whole}\r\n`;
  const short = isMap(one.context) ? octets(JSON.stringify({ ...one.context, authorizer: null })) : whole;
  const fits = short.length <= CONTEXT_LIMIT;
  const what = fits ? "the authorizer's part of the request context" : 'the request context';
  warn(`${what} has ${whole.length - (fits ? short.length : 0)} bytes, too many for a header; it is left out`);
  return fits ? `x-amzn-request-context: ${short}\r\n` : '';
}

function lambdaContextOf(context, deadline) {
  const { env } = process;
  const about = {
    request_id: context.awsRequestId ?? null,
    deadline: deadline ?? 0,
    invoked_function_arn: context.invokedFunctionArn ?? null,
    xray_trace_id: traceOf(context) ?? null,
    client_context: context.clientContext ?? null,
    identity: context.identity ?? null,
    env_config: {
      function_name: env.AWS_LAMBDA_FUNCTION_NAME ?? null,
      memory: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? null,
      version: env.AWS_LAMBDA_FUNCTION_VERSION ?? null,
      log_group: env.AWS_LAMBDA_LOG_GROUP_NAME ?? null,
      log_stream: env.AWS_LAMBDA_LOG_STREAM_NAME ?? null,
    },
  };
  const line = `x-amzn-lambda-context: ${octets(JSON.stringify(about))}\r\n`;
  if (line.length <= CONTEXT_LIMIT) return line;
  warn(`the context of the event has ${line.length} bytes, too many for a header; it is left out`);
  return '';
}

function contextsOf(one, context, deadline) {
  const line = (name, value) => (isThere(value) && !BREAKS_LINES.test(value) ? `${name}: ${octets(value)}\r\n` : '');
  const about = one.front === 'other' ? '' : requestContextOf(one);
  return (
    line('x-amzn-trace-id', traceOf(context)) +
    line('x-amz-tenant-id', context.tenantId) +
    about +
    lambdaContextOf(context, deadline)
  );
}

// The body's bytes, or undefined where they should be base64 and are none.
function bodyOf(one) {
  const { body } = one.event;
  if (!isThere(body)) return NOTHING;
  const text = textIn(body);
  if (one.base64 !== true && one.base64 !== 'true') return Buffer.from(text);
  const digits = text.replace(/[\r\n]/g, '');
  const [, plain] = /^([A-Za-z0-9+/_-]*)={0,2}$/.exec(digits) ?? [];
  return plain === undefined || plain.length % 4 === 1 ? undefined : Buffer.from(plain, 'base64');
}

const request = (method, head, body) => {
  const length = body.length > 0 || !BODILESS.has(method) ? `Content-Length: ${body.length}\r\n` : '';
  return { method, head: Buffer.from(`${head}${length}\r\n`, 'latin1'), body, resendable: RESENDABLE.has(method) };
};

// The request that an event stands for; {refused} where there is none, which is the client's affair.
function requestOf(one, context, deadline) {
  if (one.front === 'other') {
    const head = `POST ${http.events} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
    return request('POST', head + contextsOf(one, context, deadline), Buffer.from(textOf(one.event)));
  }
  const method = octets(one.method);
  if (!TOKEN.test(method) || method.length > 29) return { refused: "the method of the event is none of HTTP's" };
  const body = bodyOf(one);
  if (!body) return { refused: 'the body of the event is no base64' };
  const headers = [...headersOf(one)];
  const has = (name) => headers.some(([other]) => other.toLowerCase() === name);
  const cookies = Array.isArray(one.event.cookies) ? one.event.cookies.map(octets).join('; ') : '';
  if (!has('cookie') && cookies && !BREAKS_LINES.test(cookies)) headers.push(['Cookie', cookies]);
  const domain = octets(one.context?.domainName);
  if (!has('host')) headers.push(['Host', domain && !BREAKS_LINES.test(domain) ? domain : 'localhost']);
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = `${method} ${targetOf({ ...one, context: one.context ?? {} })} HTTP/1.1\r\n${lines}`;
  return request(method, head + contextsOf(one, context, deadline), body);
}
