// One event of a web server, to its one answer: event → request → response → answer, buffered or streamed.
//
// On a connection used before, a request that was lost unread goes out once more. A server that does not answer in time is
// killed, for HTTP/1.1 has no word to take a request back.

const BREAK_MS = 50; // from the end of a connection to the end of the server, where the one follows from the other
const LAST_BREAK_MS = 2000; // the same, where nobody listens any more
const SHOWN_BODY = 2048; // bytes of a body in an error message
let server = null;
let events = 0; // under way
process.on('exit', () => server?.kill());

// Start the successor of a server that has gone, for whatever comes next; one that ends again and again waits for an event.
function replaceServer() {
  if (server && !server.gone) return;
  tellOfTheEnd();
  if (endsAgainAndAgain())
    warn(`${main} ended ${ENDS} times within ${ENDS_MS / 1000} s and is started with the next event only`);
  else server = new Server();
}

// Of one that answered all it was asked, and has gone.
function tellOfTheEnd() {
  if (!server?.gone || !server.ready || server.told || !('code' in server.gone)) return;
  warn(`${main} ${server.howItEnded()} between two events and is started anew`);
}

// A server that listens: the one that runs, or a new one where that has gone. Throws a failure otherwise.
async function readyServer(until, id) {
  await turn();
  await turn(); // so that an end that has come is known
  tellOfTheEnd();
  if (!server || (server.gone && server.ready)) server = new Server();
  const one = server;
  one.requestId = id;
  try {
    if (!one.ready) await one.isReady(until);
    return one;
  } catch (error) {
    one.end({});
    if (server === one) server = null;
    throw error;
  }
}

const isErrorStatus = (status) =>
  http.error_status.some((one) => {
    const [first, last = first] = one.split('-').map(Number);
    return status >= first && status <= last;
  });

const sizeFailure = (size) =>
  failure(
    'Function.ResponseSizeTooLarge',
    `the response of ${main} makes an answer of ${size} bytes or more, and Lambda takes ${ANSWER_LIMIT} (binary counts 4 for 3); ` +
      `response = "stream" takes ${settings.stream_mb} MB`,
  );

function statusFailure(status, body) {
  return failure('Function.HttpStatus', `${main} answered with status ${status}: ${body.subarray(0, SHOWN_BODY)}`);
}

// Why the response did not come, or not to its end. A server whose port nobody holds any more is on its way out, however long
// that takes, and its exit code is the news.
async function breakFailure(one, link, error, { began, deadline, id, until }) {
  if (!(error instanceof Broken)) return error;
  if (error.kind === 'timeout') {
    const what = `had not answered shortly before the deadline ${new Date(deadline).toISOString()} of request ${id} and was killed`;
    return one.failure('Function.Timeout', what);
  }
  if (error.kind === 'bad') {
    const bytes = JSON.stringify(link.input.toString('latin1', 0, 64));
    const what = `what listens on port ${one.port} does not answer in HTTP/1.1 as it should: ${bytes}`;
    return failure('Function.BadAnswer', what);
  }
  const now = Date.now();
  await one.ended(now + BREAK_MS);
  if (!one.gone && !(await one.listens())) await one.ended(Math.min(until, now + LAST_BREAK_MS));
  if (one.gone) {
    await one.lastWords();
    return one.failure('Function.ExitError', `${one.howItEnded()} before it had answered`);
  }
  const what = began ? 'broke off in the middle of its response' : 'closed the connection without a response';
  return one.failure('Function.Truncated', what);
}

// Send the request and read the head of the response.
async function exchangeHeads(one, sent, exchange) {
  for (;;) {
    const link = await one.link(exchange.until);
    exchange.link = link;
    if (!link) throw new Broken(one.gone ? 'cut' : 'timeout');
    if (exchange.late) link.end('timeout');
    const { fresh } = link;
    link.send(sent);
    try {
      return await link.head();
    } catch (error) {
      const lost = (error.kind === 'cut' || error.kind === 'reset') && !link.heard;
      if (!lost || fresh || !(sent.resendable || link.deadEarly)) throw error;
      link.hangUp();
    }
  }
}

async function wholeBody(link, head) {
  const pieces = [];
  let size = 0;
  for await (const piece of link.body(head)) {
    size += piece.length;
    if (size > ANSWER_LIMIT) throw sizeFailure(size);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function bufferedAnswer(front, head, body) {
  if (front === 'other' ? head.status >= 300 : isErrorStatus(head.status)) throw statusFailure(head.status, body);
  if (front !== 'other') {
    const answer = answerOf(front, head, body);
    const size = body.length * 6 > ANSWER_LIMIT - RESPONSE_HEAD ? Buffer.byteLength(JSON.stringify(answer)) : 0;
    if (size > ANSWER_LIMIT) throw sizeFailure(size);
    return answer;
  }
  try {
    return body.length === 0 ? null : parseText(strictText(body));
  } catch {
    throw server.failure('Function.NoJson', 'answered an event that is no HTTP request with a body that is no JSON');
  }
}

// One request and its response; `take(head, body)` makes the answer of it.
async function exchangeWith(one, sent, about, take) {
  const exchange = { ...about, link: undefined, late: false };
  const left = Math.min(about.until - Date.now(), LONGEST_TIMER);
  const tooLate = () => {
    exchange.late = true;
    exchange.link?.end('timeout');
  };
  const timer = Number.isFinite(about.until) ? setTimeout(tooLate, left) : undefined;
  let began = false;
  try {
    const head = await exchangeHeads(one, sent, exchange);
    began = true;
    const answer = await take(head, exchange.link);
    if (exchange.link.settle(head) && !one.gone) one.idle.push(exchange.link);
    return answer;
  } catch (error) {
    const told = await breakFailure(one, exchange.link, error, { ...about, began });
    exchange.link?.hangUp();
    one.spent ||= error.kind === 'timeout';
    throw told;
  } finally {
    clearTimeout(timer);
  }
}

// One event from start to end: `take` as above, `refuse` for what cannot be made a request.
async function serve(event, context, { take, refuse }) {
  const deadline = deadlineOf(context);
  const left = deadline - Date.now();
  const until = left > 0 ? deadline - Math.min(GRACE_MS, left / 4) : Infinity;
  events += 1;
  try {
    const one = await readyServer(until, context.awsRequestId);
    const read = readEvent(event);
    if (read.front === 'other' && !http.events) {
      throw one.failure('Function.NoHttpEvent', 'is a web server, and the event is no HTTP request (events = "" takes none)');
    }
    const sent = requestOf(read, context, deadline);
    if (sent.refused) {
      warn(`request ${context.awsRequestId} is answered 400: ${sent.refused}`);
      const head = { status: 400, headers: [['content-type', 'text/plain; charset=utf-8']] };
      return await refuse(read.front, head, Buffer.from(`Bad Request: ${sent.refused}\n`));
    }
    const about = { until, deadline, id: context.awsRequestId };
    return await exchangeWith(one, sent, about, (head, link) => take(read.front, head, link));
  } finally {
    events -= 1;
    if (events === 0 && server && !server.gone) server.tail = NOTHING; // that was said of this event
    if (events === 0 && server?.spent) {
      server.end({});
      server = null;
    }
    replaceServer();
  }
}

const answerWhole = (event, context) =>
  serve(event, context, {
    take: async (front, head, link) => bufferedAnswer(front, head, await wholeBody(link, head)),
    refuse: (front, head, body) => answerOf(front, head, body),
  });

// Write as fast as it is taken; throws when nobody takes it any more.
async function give(responseStream, bytes) {
  if (responseStream.destroyed) throw failure('Function.ResponseAbandoned', 'nobody takes the streamed answer any more');
  if (responseStream.write(bytes)) return;
  await new Promise((resolve) => ['drain', 'close', 'error'].forEach((name) => responseStream.once(name, resolve)));
}

async function stream(event, responseStream, context) {
  const begin = (front, head) => {
    responseStream.setContentType(front === 'other' ? 'application/json' : PRELUDED);
    return front === 'other' ? undefined : give(responseStream, preludeOf(front, head));
  };
  await serve(event, context, {
    async take(front, head, link) {
      if (isErrorStatus(head.status) || (front === 'other' && head.status >= 300)) {
        throw statusFailure(head.status, await wholeBody(link, head));
      }
      await begin(front, head);
      for await (const piece of link.body(head)) await give(responseStream, piece);
    },
    async refuse(front, head, body) {
      await begin(front, head);
      await give(responseStream, body);
    },
  });
  responseStream.end();
  if (typeof responseStream.finished === 'function') await responseStream.finished();
}

// ---- SIGTERM before the end ----

// An internal extension, registered for no event: its mere registration makes Lambda send SIGTERM half a second before the
// end. The request for its next event stays open for as long as we live.
async function registerExtension() {
  const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2020-01-01/extension`;
  const { get, request: post } = require('node:http');
  const options = { method: 'POST', headers: { 'Lambda-Extension-Name': 'run.js', 'Content-Type': 'application/json' } };
  const fails = () => warn('no extension could be registered: the server will get no SIGTERM before the end');
  const sent = post(`${base}/register`, options, (reply) => {
    const id = reply.headers['lambda-extension-identifier'];
    reply.resume();
    if (reply.statusCode !== 200 || !id) return fails();
    const next = get(`${base}/event/next`, { agent: false, headers: { 'Lambda-Extension-Identifier': id } }, (event) =>
      event.resume(),
    );
    next.on('error', () => {}).on('socket', (socket) => socket.unref());
  });
  sent.on('error', fails).end(JSON.stringify({ events: [] }));
  process.once('SIGTERM', () => {
    if (!server || server.gone) process.exit(0);
    server.kill('SIGTERM');
    server.child.once('exit', () => process.exit(0)).ref();
  });
}

if (http.shutdown) registerExtension();
server = new Server();
exports.handle = streamed ? awslambda.streamifyResponse(stream) : answerWhole;
