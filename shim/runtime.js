// The smallest Node runtime: what Lambda's own does for a handler, where AWS's client (npm aws-lambda-ric) is not
// installed. It serves the Runtime API, of the emulator for one, until the API goes.
//
//   AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001 node shim/runtime.js build/echo/run.handle
'use strict';

const http = require('node:http');
const path = require('node:path');
const { Writable } = require('node:stream');

const API = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const HEADERS = 1 << 20; // bytes: a client's context alone may have 64 KB
const BODY_LIMIT = 2 ** 30; // bytes: no event comes near
const [script, name] = path.resolve(process.argv[2]).split(/\.(?=[^./]+$)/);

// Looks at a reply beside Node's parser, which waits for ever for what a damaged length promises.
class Watch {
  head = Buffer.alloc(0); // of the reply, until its headers are known
  left = 0; // bytes of a chunk that are passed over, with its line break
  line = ''; // the size of the next one, so far
  over = false;

  // Whether a length is beyond any event's; `headers`: those of the reply, once they are known.
  take(bytes, headers) {
    if (this.head === null) return this.takeChunks(bytes);
    this.head = Buffer.concat([this.head, bytes]);
    if (!headers) return false;
    let from = 0;
    for (let real = false; !real;) {
      const end = this.head.indexOf('\r\n\r\n', from);
      real = end < 0 || /^\s*HTTP\/1\.\d [2-9]/.test(this.head.toString('latin1', from, end)); // not an interim one
      from = end < 0 ? this.head.length : end + 4;
    }
    const behind = this.head.subarray(from);
    this.head = null;
    this.over = !/chunked/i.test(headers['transfer-encoding'] ?? '');
    return Number(headers['content-length']) > BODY_LIMIT || this.takeChunks(behind);
  }

  takeChunks(bytes) {
    for (let at = 0; at < bytes.length && !this.over;) {
      const passed = Math.min(this.left, bytes.length - at);
      this.left -= passed;
      at += passed;
      const end = bytes.indexOf(10, at);
      this.line += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
      at = end < 0 ? bytes.length : end + 1;
      if (end < 0) break;
      const size = parseInt(this.line, 16);
      if (size > BODY_LIMIT) return true;
      this.over = !(size > 0); // trailers follow
      this.left = size + 2;
      this.line = '';
    }
    return false;
  }
}

function request(method, route, headers = {}) {
  const sent = http.request(`${API}/${route}`, { method, agent, headers, maxHeaderSize: HEADERS });
  const watch = new Watch();
  let known; // the headers of the reply
  let refuse = () => {};
  const onData = (bytes) => {
    if (!watch.take(bytes, known)) return;
    refuse();
    sent.destroy();
  };
  sent.once('socket', (socket) => {
    socket.on('data', onData);
    sent.once('close', () => socket.off('data', onData));
  });
  const reply = new Promise((resolve, reject) => {
    sent.once('error', reject).once('response', (response) => {
      known = response.headers;
      const pieces = [];
      const done = (whole) =>
        resolve({ headers: response.headers, status: response.statusCode, body: Buffer.concat(pieces), whole });
      refuse = () => done(false);
      response.on('data', (piece) => pieces.push(piece));
      response.once('end', () => done(true)).once('error', () => done(false));
    });
  });
  reply.catch(() => {}); // whoever waits for it hears of it
  return { sent, reply };
}

// Once more where the connection broke: the API refuses a second answer.
async function post(route, value, headers = {}, tries = 2) {
  const body = Buffer.from(JSON.stringify(value) ?? 'null');
  const { sent, reply } = request('POST', route, {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    ...headers,
  });
  sent.end(body);
  try {
    const { status, body: why } = await reply;
    if (status >= 300) process.stderr.write(`runtime.js: the Runtime API answered ${status}: ${why}\n`);
    if (status >= 500) process.exit(1); // it is beyond repair, and wants us to go
  } catch (error) {
    if (tries > 1) return post(route, value, headers, tries - 1);
    process.stderr.write(`runtime.js: the Runtime API hung up on the answer: ${aboutFrames(error)}\n`);
  }
}

const errorDocument = (error) => ({
  errorType: error?.name ?? typeof error,
  errorMessage: error?.message ?? String(error),
  trace: String(error?.stack ?? '').split('\n'),
});

const truncated = () =>
  Object.assign(new Error('the connection to the Runtime API broke in the middle of the event'), {
    name: 'Runtime.TruncatedEvent',
  });

// One line; what the program said on its stderr is in the log already.
function logFailure(requestId, error) {
  const { errorType, errorMessage } = errorDocument(error);
  const message = error?.about ?? errorMessage;
  const record = { timestamp: new Date().toISOString(), level: 'ERROR', requestId, errorType, message };
  const inJson = /^json$/i.test(process.env.AWS_LAMBDA_LOG_FORMAT ?? '');
  if (inJson && process.env.AWS_LAMBDA_LOG_LEVEL === 'FATAL') return;
  process.stderr.write(
    inJson ? `${JSON.stringify(record)}\n` : `runtime.js: ${errorType}: ${message.replace(/\s*\n\s*/g, ' ')}\n`,
  );
}

// The header's form is narrower than the body's: `Function.` or `Runtime.`, and letters, the first one a capital.
function headerType(name) {
  const [, kind = 'Function', rest] = /^(?:(Runtime|Function)\.)?(.*)$/s.exec(name);
  const letters = rest.replace(/[^A-Za-z]/g, '');
  return `${kind}.${letters.length > 1 ? letters[0].toUpperCase() + letters.slice(1) : 'Error'}`;
}

const fail = (route, error, headers = {}) =>
  post(route, errorDocument(error), {
    'Lambda-Runtime-Function-Error-Type': headerType(errorDocument(error).errorType),
    ...headers,
  });

// A streamed answer: the request begins with its first byte, and an error after that goes out as trailers.
class ResponseStream extends Writable {
  contentType = 'application/octet-stream';

  constructor({ awsRequestId: id, invocationId }) {
    super();
    this.on('error', () => {}); // whoever waits for its end hears of it
    this.open = () =>
      (this.request ??= request('POST', `invocation/${id}/response`, {
        'Content-Type': this.contentType,
        ...invocation(invocationId),
        'Lambda-Runtime-Function-Response-Mode': 'streaming',
        'Transfer-Encoding': 'chunked',
        Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
      }));
  }

  setContentType(type) {
    this.contentType = type;
  }

  _write(bytes, _, done) {
    if (this.prelude) this.open().sent.write(this.prelude);
    this.prelude = undefined;
    this.open().sent.write(bytes, done);
  }

  _final(done) {
    this.close().then(() => done(), done);
  }

  async close(error) {
    const { sent, reply } = this.open();
    if (error) {
      const about = errorDocument(error);
      sent.addTrailers({
        'Lambda-Runtime-Function-Error-Type': headerType(about.errorType),
        'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(about)).toString('base64'),
      });
    }
    sent.end();
    await reply;
  }

  // The API's end of it went away: the event is lost, and the next one is not.
  async fail(error) {
    await this.close(error).catch((broken) => process.stderr.write(`runtime.js: ${broken.message}\n`));
  }

  finished() {
    return new Promise((resolve, reject) => this.once('finish', resolve).once('error', reject));
  }
}

// A late answer to a request id that is in use again is refused by this.
const invocation = (id) => (id ? { 'Lambda-Runtime-Invocation-Id': id } : {});

globalThis.awslambda = {
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      stream.prelude = Buffer.from(`${JSON.stringify(prelude)}${'\0'.repeat(8)}`);
      return stream;
    },
  },
  streamifyResponse: (handler) => Object.assign(handler, { streams: true }),
};

function contextOf(headers) {
  const json = (text) => {
    try {
      return text ? JSON.parse(text) : undefined;
    } catch {
      return undefined; // the caller's own fault, and no reason to end
    }
  };
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    clientContext: json(headers['lambda-runtime-client-context']),
    identity: json(headers['lambda-runtime-cognito-identity']),
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    invocationId: headers['lambda-runtime-invocation-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

async function serveOne(handler) {
  const { sent, reply } = request('GET', 'invocation/next');
  sent.end();
  const { status, headers, body, whole } = await reply;
  if (status !== 200) throw new Error(`the Runtime API answered ${status}: ${body}`);
  const context = contextOf(headers);
  if (!/^[\w.:-]{1,510}$/.test(context.awsRequestId)) {
    throw new Error('the Runtime API sent an event without a usable Lambda-Runtime-Aws-Request-Id');
  }
  const route = `invocation/${context.awsRequestId}`;
  const stream = handler.streams ? new ResponseStream(context) : undefined;
  const trace = headers['lambda-runtime-trace-id'];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
  try {
    if (!whole) throw truncated();
    const event = JSON.parse(body);
    if (stream) await handler(event, stream, context);
    else await post(`${route}/response`, await handler(event, context), invocation(context.invocationId));
  } catch (error) {
    logFailure(context.awsRequestId, error);
    await (stream?.request ? stream.fail(error) : fail(`${route}/error`, error, invocation(context.invocationId)));
  }
}

async function main() {
  let handler;
  try {
    handler = require(script)[name];
  } catch (error) {
    await fail('init/error', error);
    throw error;
  }
  for (;;) await serveOne(handler);
}

// Its programs go with it. A handler that wants to hear of the end ends by itself.
const leave = (signal) => process.listenerCount(signal) === 0 && process.exit(1);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, leave);
const aboutFrames = (error) =>
  error.code?.startsWith('HPE_')
    ? `what listens at ${process.env.AWS_LAMBDA_RUNTIME_API} does not answer in HTTP/1.1 as a Runtime API does ` +
      `(${error.message}); AWS_LAMBDA_RUNTIME_API must name one`
    : error.message;

main().catch((error) => {
  process.stderr.write(`runtime.js: ${aboutFrames(error)}\n`);
  process.exit(1);
});
